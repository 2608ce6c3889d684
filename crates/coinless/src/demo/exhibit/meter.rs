//! A meter of the page: a process of its own, whose power can really be cut.

use super::board::Board;
use crate::demo::FamilyMeter;
use crate::output::{Context, Failure};
use coinless_sim::desk::Desk;
use serde_json::Value;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A meter that does not answer what is typed by then does not answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What waits for the meter's next answer to a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trap {
    /// The power fails before the answer is out.
    Power,
    /// The link is lost before the answer is in.
    Link,
}

impl Trap {
    /// For the page.
    pub fn name(self) -> &'static str {
        match self {
            Self::Power => "power",
            Self::Link => "link",
        }
    }
}

/// What happened on the way between a phone and the meter with this place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Happened {
    /// Its answer to a token was lost.
    Lost(usize, Trap),
    /// Its answer to a token got through.
    Answered(usize),
}

/// A meter.
pub(super) struct Meter {
    /// Its place in the family.
    pub place: usize,
    pub known: FamilyMeter,
    pub board: Arc<Board>,
    desk: Desk,
    power: tokio::sync::Mutex<Option<Power>>,
    seen: watch::Sender<Seen>,
    inner: Mutex<Inner>,
    happens: UnboundedSender<Happened>,
}

#[derive(Default)]
struct Inner {
    /// The token for credit that it answered with a receipt last.
    token: Option<Vec<u8>>,
    /// The number of its newest receipt that was heard.
    receipt: u32,
    trap: Option<Trap>,
    /// Whoever talks to it now is not the phone in the frame.
    stranger: bool,
}

/// A meter that runs.
struct Power {
    child: Child,
    control: ChildStdin,
    /// How often it was asked what it shows.
    asked: u64,
    reading: JoinHandle<()>,
}

/// What is seen of a running meter.
#[derive(Debug, Clone, Default)]
struct Seen {
    address: Option<SocketAddr>,
    answered: u64,
    display: Value,
}

impl Meter {
    /// A meter whose state is on the desk. It has no power yet.
    pub fn new(
        place: usize,
        known: FamilyMeter,
        desk: &Desk,
        board: Arc<Board>,
        happens: UnboundedSender<Happened>,
    ) -> Self {
        let (power, inner) = (tokio::sync::Mutex::new(None), Mutex::default());
        Self { place, known, board, desk: desk.clone(), power, seen: watch::Sender::default(), inner, happens }
    }

    /// What it is called.
    pub fn name(&self) -> String {
        format!("{} meter", self.known.commodity)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it listens, while it has power.
    pub fn address(&self) -> Option<SocketAddr> {
        self.seen.borrow().address
    }

    /// Gives it power, unless it has some, and waits until its display is on.
    ///
    /// # Errors
    /// [`Failure`] if it does not come up.
    pub async fn switch_on(self: &Arc<Self>) -> Result<(), Failure> {
        let mut power = self.power.lock().await;
        let runs = power.as_mut().is_some_and(|power| matches!(power.child.try_wait(), Ok(None)));
        if !runs {
            let mut command = self.desk.command(&["meter", "run", "--ws", "127.0.0.1:0", "--mains", "--state"]);
            command.arg(self.desk.path(self.known.id)).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut command = tokio::process::Command::from(command);
            let mut child = command.kill_on_drop(true).spawn().context("starting a meter")?;
            let (Some(control), Some(results)) = (child.stdin.take(), child.stdout.take()) else {
                return Err(Failure::new("a meter without pipes"));
            };
            let mut lines = BufReader::new(results).lines();
            let first = timeout(PATIENCE, lines.next_line()).await.context("starting a meter")?;
            let first: Value = serde_json::from_str(&first.context("starting a meter")?.unwrap_or_default())
                .context(format_args!("the {} said no link", self.name()))?;
            let link = first["link"].as_str().and_then(|link| link.strip_prefix("ws://")).unwrap_or_default();
            let address = Some(link.parse().context("a meter's link")?);
            self.seen.send_replace(Seen { address, ..Seen::default() });
            let reading = tokio::spawn(self.clone().read(lines));
            *power = Some(Power { child, control, asked: 0, reading });
        }
        drop(power);
        self.look().await.map(|_| ())
    }

    /// Cuts its power: the process is killed where it stands.
    pub async fn cut(&self) {
        let Some(mut power) = self.power.lock().await.take() else { return };
        // It may have ended by itself.
        let _ = power.child.kill().await;
        // Nothing of what it said last may come after what it says when it has power again.
        let _ = power.reading.await;
    }

    fn go_dark(&self) {
        self.seen.send_replace(Seen::default());
        self.board.change(|shown| shown.meters[self.place].display = None);
    }

    /// What it shows now.
    ///
    /// # Errors
    /// [`Failure`] if it has no power.
    pub async fn look(&self) -> Result<Value, Failure> {
        self.do_and_look(None).await
    }

    /// Somebody does something at it, as a control line says; gives what it shows then.
    ///
    /// # Errors
    /// [`Failure`] if it has no power.
    pub async fn at_it(&self, line: &str) -> Result<Value, Failure> {
        self.do_and_look(Some(line)).await
    }

    async fn do_and_look(&self, line: Option<&str>) -> Result<Value, Failure> {
        let dark = || Failure::new(format!("the {} has no power", self.name()));
        let mut seen = self.seen.subscribe();
        let number = {
            let mut power = self.power.lock().await;
            let power = power.as_mut().ok_or_else(dark)?;
            let typed = format!("{}\nshow\n", line.unwrap_or_default());
            power.control.write_all(typed.as_bytes()).await.map_err(|_| dark())?;
            power.asked += 1;
            power.asked
        };
        let answered = seen.wait_for(|seen| seen.answered >= number || seen.address.is_none());
        let answered = timeout(PATIENCE, answered).await.context(format_args!("asking the {}", self.name()))?;
        let display = answered.map_err(|_| dark())?.display.clone();
        if display.is_null() { Err(dark()) } else { Ok(display) }
    }

    /// Reads what it says until it ends.
    async fn read(self: Arc<Self>, mut lines: Lines<BufReader<ChildStdout>>) {
        while let Ok(Some(line)) = lines.next_line().await {
            let Ok(said) = serde_json::from_str::<Value>(&line) else { continue };
            match said["event"].as_str().unwrap_or_default() {
                "show" => {
                    self.board.change(|shown| shown.meters[self.place].display = Some(said.clone()));
                    self.seen.send_modify(|seen| {
                        seen.answered += 1;
                        seen.display = said;
                    });
                }
                "open" => self.board.say(
                    "person",
                    &self.name(),
                    format!("Presses the button: {}.", text(&said["outcome"])),
                    None,
                ),
                "consumed" => {
                    let words = format!("Uses {}; {} is left.", text(&said["used"]), text(&said["left"]));
                    self.board.say("person", &self.name(), words, None);
                }
                _ => {}
            }
        }
        self.go_dark();
    }

    /// Sets a trap for its next answer to a token, or takes it away.
    pub fn set_trap(&self, trap: Option<Trap>) {
        self.inner().trap = trap;
        self.board.change(|shown| shown.meters[self.place].trap = trap.map(Trap::name));
    }

    /// A token was answered: whether the answer gets through.
    pub fn answers(&self, token: Vec<u8>) -> bool {
        let mut inner = self.inner();
        inner.token = Some(token);
        let trap = inner.trap.take();
        drop(inner);
        if trap.is_some() {
            self.board.change(|shown| shown.meters[self.place].trap = None);
        }
        // Nobody listens once the demo ends.
        let _ = self.happens.send(trap.map_or(Happened::Answered(self.place), |trap| Happened::Lost(self.place, trap)));
        trap.is_none()
    }

    /// A receipt with this number was heard; gives the number of the newest before.
    pub fn hear_receipt(&self, number: Option<u32>) -> u32 {
        let mut inner = self.inner();
        let known = inner.receipt;
        inner.receipt = known.max(number.unwrap_or(0));
        known
    }

    /// The number of its newest receipt that was heard.
    pub fn newest_receipt(&self) -> u32 {
        self.inner().receipt
    }

    /// The token for credit that it answered with a receipt last.
    pub fn last_token(&self) -> Option<Vec<u8>> {
        self.inner().token.clone()
    }

    /// Says who talks to it from now on.
    pub fn set_stranger(&self, stranger: bool) {
        self.inner().stranger = stranger;
    }

    /// Who talks to it.
    pub fn courier(&self) -> &'static str {
        if self.inner().stranger { "another phone" } else { "phone" }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
