//! A D-Bus bus of our own.

use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A bus on which everything is allowed. Dropping it ends it.
#[derive(Debug)]
pub struct Bus {
    daemon: Child,
    folder: PathBuf,
    /// Its address.
    pub address: String,
}

impl Bus {
    /// Starts one.
    pub fn start() -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("coinless-bus-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder)?;
        let config = folder.join("config.xml");
        let socket = folder.join("socket");
        let text = format!(
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
             \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
             <busconfig><listen>unix:path={}</listen><auth>EXTERNAL</auth>\
             <policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/><allow send_type=\"method_call\"/>\
             <allow send_destination=\"*\"/><allow receive_sender=\"*\"/></policy></busconfig>\n",
            socket.display()
        );
        std::fs::write(&config, text)?;
        let mut command = Command::new("dbus-daemon");
        command.arg(format!("--config-file={}", config.display())).args(["--nofork", "--nopidfile", "--print-address"]);
        let mut daemon = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("starting dbus-daemon: {error}")))?;
        let mut address = String::new();
        let output = daemon.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        BufReader::new(output).read_line(&mut address)?;
        let address = address.trim().to_owned();
        let this = Self { daemon, folder, address };
        if this.address.is_empty() { Err(io::Error::other("dbus-daemon did not start")) } else { Ok(this) }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        // It may have ended by itself; what is left of its folder is in the way of nobody.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
