//! A PostgreSQL server of a test's own, from the system's programs.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use std::{env, thread};
use tokio_postgres::SimpleQueryMessage;

/// Names the folder of `initdb` and `postgres`.
pub const PROGRAMS: &str = "COINLESS_POSTGRES_BIN";
/// Names the store that tests use: `postgres`, or `sqlite`, which is also taken if it is not set.
pub const STORE: &str = "COINLESS_TEST_STORE";

/// How long a server may take to start, and to stop before it is killed.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(20);
/// The port is only a part of the socket's name: nothing listens on the network.
const PORT: u16 = 5432;
/// Durable as in production, and small. Deadlocks are found soon, because tests make them. Four tests at a time can
/// want more than a hundred connections, and a large machine runs many more.
const SETTINGS: [&str; 9] = [
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    "shared_buffers=16MB",
    "max_connections=1000",
    "autovacuum_max_workers=1",
    "deadlock_timeout=100ms",
    "listen_addresses=",
    "unix_socket_permissions=0777",
];
/// Ends the server and removes its folder when the test's process is gone, however that ended: then its pipe is closed.
/// (While the cluster is being made the file has the number with a minus sign.)
const GUARD: &str = r#"
read -r done && exit 0
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
pid=${pid#-}
if [ -n "$pid" ]; then
    kill -INT "$pid"
    for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" 2>/dev/null || break; sleep 1; done
fi
rm -rf "$1"
"#;

/// The cluster of a process whose tests all use PostgreSQL. Never dropped: the guard ends the server with the process.
static CHOSEN: Mutex<Option<Arc<Cluster>>> = Mutex::new(None);
static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
static CLUSTERS: AtomicU32 = AtomicU32::new(0);

/// Whether the environment asks for PostgreSQL under every test that opens a station's database. The only place that looks.
///
/// # Errors
/// When it asks for something else.
pub fn is_chosen() -> io::Result<bool> {
    match env::var(STORE).as_deref() {
        Err(env::VarError::NotPresent) | Ok("" | "sqlite") => Ok(false),
        Ok("postgres") => Ok(true),
        other => Err(io::Error::other(format!("{STORE} is {other:?} and must be sqlite or postgres"))),
    }
}

/// The connection string of an empty database in a cluster that lives as long as this process, if the environment asks for it.
///
/// # Errors
/// As [`is_chosen`] and [`Cluster::start`].
pub fn chosen() -> io::Result<Option<String>> {
    if !is_chosen()? {
        return Ok(None);
    }
    let mut chosen = lock(&CHOSEN);
    let cluster = match &*chosen {
        Some(cluster) => cluster.clone(),
        None => chosen.insert(Arc::new(Cluster::start()?)).clone(),
    };
    drop(chosen);
    cluster.database().map(Some)
}

/// Every row of every table of a database, as text, one in a line: for tests of what is there and what is not.
///
/// # Errors
/// What the server says.
pub fn dump(connection: &str) -> io::Result<String> {
    let tables = query(connection, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")?;
    let rows = |table: &String| query(connection, &format!("SELECT CAST(t AS TEXT) FROM \"{table}\" t"));
    let rows = tables.iter().map(rows).collect::<io::Result<Vec<_>>>()?;
    Ok(rows.concat().join("\n"))
}

/// Loses everything in a database.
///
/// # Errors
/// What the server says.
pub fn lose(connection: &str) -> io::Result<()> {
    execute(connection, "DROP SCHEMA public CASCADE")?;
    execute(connection, "CREATE SCHEMA public")
}

/// A cluster in a temporary folder, listening on a Unix socket there. Stopped and removed when dropped.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    enter: Vec<String>,
    owner: (u32, u32),
    server: Mutex<Option<Child>>,
    guard: Child,
    databases: AtomicU32,
}

impl Cluster {
    /// The folder of the server's programs: what the environment names as [`PROGRAMS`], Debian's newest, or from PATH.
    pub fn programs() -> Option<PathBuf> {
        let named = env::var_os(PROGRAMS).map(PathBuf::from);
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut debian: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
        debian.sort_by_key(|folder| version(folder));
        let path = env::var_os("PATH").unwrap_or_default();
        let is_whole = |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("postgres").is_file();
        named.into_iter().chain(debian.into_iter().rev()).chain(env::split_paths(&path)).find(is_whole)
    }

    /// Makes a cluster and starts it.
    ///
    /// # Errors
    /// What is missing or what the server says.
    pub fn start() -> io::Result<Self> {
        Self::start_where(&[], None)
    }

    /// The same where the words `enter` lead, to which those of a program are added (`nsenter …`), and with its log in the new
    /// folder `log`, as it is seen there.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn start_where(enter: &[String], log: Option<&Path>) -> io::Result<Self> {
        let programs = Self::programs().ok_or_else(|| io::Error::other("PostgreSQL's server is not installed"))?;
        let number = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("coinless-pg-{}-{number}", std::process::id()));
        fs::DirBuilder::new().mode(0o755).create(&folder)?;
        let owner = owner(&folder)?;
        chown(&folder, Some(owner.0), Some(owner.1))?;
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "guard"]).arg(&folder).stdin(Stdio::piped()).process_group(0);
        let guard = guard.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let (server, databases) = (Mutex::new(None), AtomicU32::new(0));
        let cluster = Self { folder, programs, enter: enter.to_vec(), owner, server, guard, databases };
        let mut initdb = cluster.command("initdb");
        initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync", "--pgdata"]);
        initdb.arg(cluster.data());
        if let Some(log) = log {
            initdb.args(["--wal-segsize=1", "--waldir"]).arg(log);
        }
        let made = initdb.output()?;
        if !made.status.success() {
            return Err(io::Error::other(format!("initdb: {}", String::from_utf8_lossy(&made.stderr).trim())));
        }
        cluster.restart()?;
        Ok(cluster)
    }

    /// The cluster that the tests of this process share, as long as one of them holds it.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn shared() -> io::Result<Arc<Self>> {
        let mut shared = lock(&SHARED);
        if let Some(cluster) = shared.upgrade() {
            return Ok(cluster);
        }
        let cluster = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&cluster);
        Ok(cluster)
    }

    /// Makes a database. Gives its connection string.
    ///
    /// # Errors
    /// What the server says.
    pub fn database(&self) -> io::Result<String> {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.execute("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(self.connection(&name))
    }

    /// Makes a database whose files are in the new folder `place`, as the server sees it. Gives its connection string.
    ///
    /// # Errors
    /// What the server says.
    pub fn database_in(&self, place: &Path) -> io::Result<String> {
        let made = self.command("/bin/mkdir").arg(place).output()?;
        if !made.status.success() {
            return Err(io::Error::other(format!("mkdir: {}", String::from_utf8_lossy(&made.stderr).trim())));
        }
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.execute("postgres", &format!("CREATE TABLESPACE {name} LOCATION '{}'", place.display()))?;
        self.execute("postgres", &format!("CREATE DATABASE {name} TABLESPACE {name}"))?;
        Ok(self.connection(&name))
    }

    /// Runs statements in the database of this name; by whom tests reach around the program that they test.
    ///
    /// # Errors
    /// What the server says.
    pub fn execute(&self, database: &str, sql: &str) -> io::Result<()> {
        execute(&self.connection(database), sql)
    }

    /// The server's socket, for a proxy that breaks connections.
    pub fn socket(&self) -> PathBuf {
        self.folder.join(format!(".s.PGSQL.{PORT}"))
    }

    /// Kills the server and all its processes at once, as a power cut would end them.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn kill(&self) -> io::Result<()> {
        let mut server = lock(&self.server);
        let Some(mut child) = server.take() else { return Ok(()) };
        // Stopped, it starts no more processes.
        signal(child.id(), rustix::process::Signal::STOP)?;
        for process in children(child.id()) {
            // It may have ended by itself.
            let _ = signal(process, rustix::process::Signal::KILL);
        }
        child.kill()?;
        child.wait().map(|_| ())
    }

    /// Starts the server again on what is on the disk, and waits until it answers.
    ///
    /// # Errors
    /// What the server says.
    pub fn restart(&self) -> io::Result<()> {
        let mut server = lock(&self.server);
        let deadline = Instant::now() + PATIENCE;
        let connection = self.connection("postgres");
        while Instant::now() < deadline {
            // Processes of a killed server may still be ending: then it does not start, and is started again.
            let ended = match &mut *server {
                Some(child) => child.try_wait()?.is_some(),
                None => true,
            };
            if ended {
                *server = Some(self.spawn()?);
            }
            if execute(&connection, "SELECT 1").is_ok() {
                return Ok(());
            }
            thread::sleep(LOOK);
        }
        Err(io::Error::other(format!("the server does not start: {}", self.last_words())))
    }

    fn connection(&self, database: &str) -> String {
        format!("host={} port={PORT} user=postgres dbname={database}", self.folder.display())
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// A server program, run as the owner of the cluster: PostgreSQL refuses to run as root.
    fn command(&self, program: &str) -> Command {
        let (is_root, (user, group)) = (rustix::process::geteuid().is_root(), self.owner);
        let program = self.programs.join(program);
        let mut command = match self.enter.split_first() {
            None => Command::new(program),
            Some((first, more)) => {
                // Who enters must be root, there or here.
                let by = match is_root {
                    true => format!("setpriv --reuid={user} --regid={group} --clear-groups --"),
                    false => format!("unshare -U --map-user={user} --map-group={group} --"),
                };
                let mut command = Command::new(first);
                command.args(more).args(by.split(' ')).arg(program);
                command
            }
        };
        if is_root && self.enter.is_empty() {
            command.uid(user).gid(group);
        }
        command.current_dir(&self.folder).env_clear().env("LC_ALL", "C").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdin(Stdio::null()).process_group(0);
        command
    }

    fn spawn(&self) -> io::Result<Child> {
        let mut server = self.command("postgres");
        server.arg("-D").arg(self.data()).arg("-k").arg(&self.folder).args(["-p", &PORT.to_string()]);
        server.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        let log = File::options().create(true).append(true).open(self.log())?;
        server.stdout(Stdio::null()).stderr(log).spawn()
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }

    fn stop(&mut self) -> io::Result<()> {
        if let Some(child) = lock(&self.server).as_mut() {
            // The fast shutdown: sessions are ended.
            signal(child.id(), rustix::process::Signal::INT)?;
            let deadline = Instant::now() + PATIENCE;
            while child.try_wait()?.is_none() && Instant::now() < deadline {
                thread::sleep(LOOK);
            }
        }
        self.kill_if_running()
    }

    fn kill_if_running(&self) -> io::Result<()> {
        let ended = match lock(&self.server).as_mut() {
            Some(child) => child.try_wait()?.is_some(),
            None => true,
        };
        if ended { Ok(()) } else { self.kill() }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stopped = self.stop();
        if let Some(mut pipe) = self.guard.stdin.take() {
            // If the guard does not hear it, it finds nothing to do.
            let _ = io::Write::write_all(&mut pipe, b"done\n");
        }
        let ended = stopped.and_then(|()| self.guard.wait()).and_then(|_| fs::remove_dir_all(&self.folder));
        if let Err(error) = ended {
            eprintln!("stopping PostgreSQL in {}: {error}", self.folder.display());
        }
    }
}

/// Runs statements over a connection of their own.
///
/// # Errors
/// What the server says.
pub fn execute(connection: &str, sql: &str) -> io::Result<()> {
    query(connection, sql).map(drop)
}

/// The same; gives the first column of every row.
///
/// # Errors
/// What the server says.
pub fn query(connection: &str, sql: &str) -> io::Result<Vec<String>> {
    // In a thread of its own: the caller may be in an asynchronous one.
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime
            .block_on(async {
                let (client, driver) = tokio_postgres::connect(connection, tokio_postgres::NoTls).await?;
                let driver = tokio::spawn(driver);
                let answered = client.simple_query(sql).await;
                drop(client);
                // Until the session has said goodbye.
                let _ = driver.await;
                answered
            })
            .map(first_columns)
            .map_err(io::Error::other)
    };
    thread::scope(|scope| scope.spawn(run).join()).unwrap_or_else(|_| Err(io::Error::other("a thread ended badly")))
}

fn first_columns(messages: Vec<SimpleQueryMessage>) -> Vec<String> {
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    rows.collect()
}

/// Debian's folders are named after the version.
fn version(folder: &Path) -> u32 {
    let name = folder.parent().and_then(Path::file_name).and_then(OsStr::to_str);
    name.and_then(|name| name.parse().ok()).unwrap_or(0)
}

/// Whom the cluster belongs to: who runs this, but never root.
fn owner(folder: &Path) -> io::Result<(u32, u32)> {
    let made = fs::metadata(folder)?;
    if made.uid() != 0 {
        return Ok((made.uid(), made.gid()));
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    ids("postgres").or_else(|| ids("nobody")).ok_or_else(|| io::Error::other("no user to run PostgreSQL as"))
}

/// The processes that `parent` started, as Linux tells them; elsewhere none, and they end by themselves.
fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    ids.filter(|process| parent_of(*process) == Some(parent)).collect()
}

fn parent_of(process: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

fn signal(process: u32, signal: rustix::process::Signal) -> io::Result<()> {
    let id = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
    let id = id.ok_or_else(|| io::Error::other("not a process"))?;
    Ok(rustix::process::kill_process(id, signal)?)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
