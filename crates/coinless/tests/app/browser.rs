//! A browser with a profile of its own, which outlives it.

use crate::cdp::{Event, Wire};
use crate::page::Page;
use coinless_sim::fake_bluez::BUS_VARIABLE;
use serde_json::json;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs, thread};

/// No sandbox, since tests may run as root; nothing that goes to the network by itself.
const SWITCHES: [&str; 16] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--disable-sync",
    "--hide-scrollbars",
    "--mute-audio",
    "--no-first-run",
    "--remote-debugging-port=0",
];

/// What the tests need that is not in this project: a browser, the app as it was built, and axe-core.
pub struct Tools {
    pub chromium: PathBuf,
    pub app: PathBuf,
    pub axe: PathBuf,
    /// The bus on which it finds Bluetooth; none is the system's own.
    pub bus: Option<String>,
}

impl Tools {
    /// Where they are; none if they are not here, which is a failure in continuous integration.
    pub fn find() -> Option<Self> {
        let path = |name: &str| env::var_os(name).map(PathBuf::from);
        let found = (path("COINLESS_CHROMIUM"), path("COINLESS_APP"), path("COINLESS_AXE"));
        let (Some(chromium), Some(app), Some(axe)) = found else {
            assert!(env::var_os("CI").is_none(), "with CI set, a browser is required: run cargo xtask app --test");
            println!("skipped: no browser, no app or no axe-core is here (cargo xtask app --test finds them)");
            return None;
        };
        Some(Self { chromium, app, axe, bus: None })
    }
}

/// A running browser. Dropping it kills it; if its test failed, that shows what its pages said and looked like.
pub struct Browser {
    child: Child,
    pub wire: Wire,
}

impl Browser {
    /// Starts a browser on the folder `profile`, with `more` switches.
    pub fn start(tools: &Tools, profile: &Path, more: &[OsString]) -> Self {
        let mut command = Command::new(&tools.chromium);
        let mut data = OsString::from("--user-data-dir=");
        data.push(profile);
        command.args(SWITCHES).arg(data).args(more).arg("about:blank");
        // Dates and times on pictures must not depend on where they are made.
        command.env("TZ", "UTC").env("LANGUAGE", "en");
        command.envs(tools.bus.iter().map(|bus| (BUS_VARIABLE, bus)));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut before = Vec::new();
        let url = said.find_map(|line| {
            let url = line.strip_prefix("DevTools listening on ").map(|url| url.trim().to_owned());
            before.push(line);
            url
        });
        let Some(url) = url else { panic!("the browser did not start: {}", before.join("\n")) };
        thread::spawn(move || said.for_each(drop));
        let wire = Wire::connect(&url);
        // Pages and service workers, as they come.
        let attach = json!({ "autoAttach": true, "waitForDebuggerOnStart": false, "flatten": true });
        wire.call(None, "Target.setAutoAttach", attach).unwrap();
        Self { child, wire }
    }

    /// A new tab that shows nothing yet.
    pub fn tab(&self) -> Page {
        let created = self.wire.call(None, "Target.createTarget", json!({ "url": "about:blank" })).unwrap();
        let target = created["targetId"].as_str().unwrap();
        let session =
            self.wire.event(0, |event| attached(event).filter(|(_, id, _)| id == target).map(|found| found.0));
        Page::new(self.wire.clone(), session.expect("a tab is attached to"), target)
    }

    /// A new tab at `url`, once its document is there.
    pub fn open(&self, url: &str) -> Page {
        let page = self.tab();
        page.goto(url);
        page
    }

    /// Cuts all pages and service workers off the network, or connects them again.
    pub fn set_offline(&self, offline: bool) {
        let rate = json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        let sessions = self.sessions(&["page", "service_worker"]);
        assert!(!sessions.is_empty());
        for session in sessions {
            let enabled = self.wire.call(Some(&session), "Network.enable", json!({}));
            // A worker may have ended meanwhile.
            if enabled.is_ok() {
                let _ = self.wire.call(Some(&session), "Network.emulateNetworkConditions", rate.clone());
            }
        }
    }

    /// The file that the browser saves into `folder` when something is pressed.
    pub fn saved(&self, folder: &Path, press: impl FnOnce()) -> Vec<u8> {
        let behavior = json!({ "behavior": "allow", "downloadPath": folder, "eventsEnabled": true });
        self.wire.call(None, "Browser.setDownloadBehavior", behavior).unwrap();
        let from = self.wire.now();
        press();
        let saved = self.wire.event(from, |event| {
            let is = event.method == "Browser.downloadProgress" && event.params["state"] == "completed";
            is.then(|| event.params["filePath"].as_str().map(PathBuf::from))
        });
        let saved = saved.expect("a file is saved").expect("it is somewhere");
        let bytes = fs::read(&saved).unwrap();
        fs::remove_file(saved).unwrap();
        bytes
    }

    /// The sessions of what is attached to now, of these kinds.
    fn sessions(&self, kinds: &[&str]) -> Vec<String> {
        let gone = self.wire.events(|event| {
            let is = event.method == "Target.detachedFromTarget";
            is.then(|| event.params["sessionId"].as_str().unwrap_or_default().to_owned())
        });
        let all = self.wire.events(|event| attached(event).filter(|(_, _, kind)| kinds.contains(&kind.as_str())));
        all.into_iter().map(|(session, _, _)| session).filter(|session| !gone.contains(session)).collect()
    }

    /// Kills the browser at once, as a phone kills an app. Its profile stays.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Shows what the pages said and looked like.
    fn show(&self) {
        for line in self.wire.events(said) {
            eprintln!("browser: {line}");
        }
        for (number, session) in self.sessions(&["page"]).into_iter().enumerate() {
            // A tab behind another one draws nothing; it may be gone.
            let _ = self.wire.call(Some(&session), "Page.bringToFront", json!({}));
            let Ok(shot) = self.wire.call(Some(&session), "Page.captureScreenshot", json!({ "format": "png" })) else {
                continue;
            };
            let test = thread::current().name().unwrap_or("test").replace("::", "-");
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{number}.png"));
            let png = crate::page::from_base64(shot["data"].as_str().unwrap_or_default());
            match fs::write(&path, png) {
                Ok(()) => eprintln!("browser: page {number} looks like {}", path.display()),
                Err(error) => eprintln!("browser: {}: {error}", path.display()),
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if thread::panicking() {
            self.show();
        }
        self.end();
    }
}

/// The session, target and kind of what was attached to.
fn attached(event: &Event) -> Option<(String, String, String)> {
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let info = &event.params["targetInfo"];
    let parts = (text(&event.params["sessionId"])?, text(&info["targetId"])?, text(&info["type"])?);
    (event.method == "Target.attachedToTarget").then_some(parts)
}

/// What a page said on its console, or that it broke.
fn said(event: &Event) -> Option<String> {
    let params = &event.params;
    match event.method.as_str() {
        "Runtime.consoleAPICalled" => {
            let words = params["args"].as_array()?.iter();
            let words: Vec<_> =
                words.map(|word| word.get("value").unwrap_or(&word["description"]).to_string()).collect();
            Some(format!("{}: {}", params["type"], words.join(" ")))
        }
        "Runtime.exceptionThrown" => {
            let details = &params["exceptionDetails"];
            Some(format!("exception: {} {}", details["text"], details["exception"]["description"]))
        }
        "Log.entryAdded" => {
            Some(format!("{}: {} {}", params["entry"]["level"], params["entry"]["text"], params["entry"]["url"]))
        }
        "Inspector.targetCrashed" => Some("the tab crashed".into()),
        _ => None,
    }
}
