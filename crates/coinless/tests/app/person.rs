//! A person who does what the screen asks for until the meters are loaded, whatever happens to the network, the meter or the page.

use crate::cdp::Refused;
use crate::page::{Page, named, quoted};
use crate::town::Known;
use serde_json::Value;

/// What a person sees when nothing is under way and nothing comes by itself any more.
const LOOK: &str = "(() => {
    const main = document.querySelector('main[data-screen]');
    if (!main || main.getAttribute('aria-busy') !== 'false') return null;
    const at = name => main.querySelector(`[data-test=${name}]`);
    const screen = at('go-on-here') ? 'overtaken' : main.dataset.screen;
    const step = (line, name) => line.querySelector(`[data-step=${name}]`).dataset.state;
    const lines = [...main.querySelectorAll('[data-test=line]')].map(line => ({ label: line.dataset.label, standing: line.dataset.standing,
        here: step(line, 'here'), loaded: step(line, 'loaded') }));
    const waits = line => line.here === 'no' && line.loaded !== 'yes';
    const ready = { home: true, overtaken: true, list: at('quote'), history: main.querySelector('h1'), meter: at('quote') || at('unknown-meter'),
        quote: at('pay') || main.querySelector('h1'), order: at('fetch') || (lines.length && !lines.some(waits)) };
    const trouble = main.querySelector('.notice.trouble')?.innerText ?? '';
    return ready[screen] ? { screen, lines, trouble, orders: main.querySelectorAll('[data-test=order]').length,
        goes_on: !!main.querySelector('.notice.good'), can_pay: !!at('pay'), can_connect: !!at('connect'), reached: !!at('reached'), unknown: !!at('unknown-meter') } : null;
})()";

/// What a person sees.
pub struct Seen(Value);

impl Seen {
    /// Whether the order is an earlier one for the same, of which the page was gone before it had noted that it was seen to its end.
    fn is_earlier_one(&self) -> bool {
        self.0["screen"] == "order" && self.0["goes_on"] == true
    }

    /// The labels of the lines of an order whose `step` has this state.
    pub fn lines(&self, step: &str, state: &str) -> Vec<String> {
        let lines = self.0["lines"].as_array().unwrap().iter();
        lines.filter(|line| line[step] == state).map(|line| line["label"].as_str().unwrap().to_owned()).collect()
    }
}

/// What is bought: for each meter a sum.
pub type Wanted<'a> = &'a [(Known, &'a str)];

/// A person with a phone.
pub struct Person<'a> {
    pub page: &'a Page,
    /// The station's URL.
    pub url: &'a str,
    /// What is wanted; more than one meter is bought by the list.
    pub wanted: Wanted<'a>,
    /// Whether the person stands at the meter while buying.
    pub is_at_meter: bool,
    /// Purchases that are over.
    pub over: usize,
}

/// More presses than this mean that it goes in circles.
const MAX_TURNS: usize = 40;

impl Person<'_> {
    /// Opens the app where it begins.
    pub fn begin(&self) -> Result<(), Refused> {
        match self.wanted {
            [(meter, _)] => self.open(&format!("/m/{}", meter.label)),
            _ => self.open("/s/list"),
        }
    }

    /// Opens the app after something happened to it, and looks whether anything was bought.
    pub fn come_back(&self) -> Result<(), Refused> {
        self.open("/s/history")
    }

    fn open(&self, path: &str) -> Result<(), Refused> {
        self.page.try_goto(&format!("{}{path}", self.url))
    }

    /// Goes on until the meters are loaded and the station knows it. `see` is told of everything that is seen of it before it is acted on.
    pub fn finish(&self, mut see: impl FnMut(&Seen)) -> Result<(), Refused> {
        for _ in 0..MAX_TURNS {
            let seen = self.look()?;
            if !seen.is_earlier_one() {
                see(&seen);
            }
            if self.act(&seen)? {
                return Ok(());
            }
        }
        Err(Refused(format!("it does not come to an end: {}", self.page.text())))
    }

    fn look(&self) -> Result<Seen, Refused> {
        self.page.try_until(LOOK).map(Seen)
    }

    /// Does the next thing; says whether there is none.
    fn act(&self, seen: &Seen) -> Result<bool, Refused> {
        let is = |what: &str| seen.0[what] == true;
        match seen.0["screen"].as_str().unwrap() {
            "history" if seen.0["orders"] == self.over => self.begin()?,
            // The newest is the first.
            "history" => self.press("order")?,
            "home" => self.come_back()?,
            // It goes on in the other tab.
            "overtaken" => return Ok(true),
            "meter" if is("unknown") => self.press("again")?,
            "meter" => {
                self.page.try_fill("[name=amount]", self.wanted[0].1)?;
                self.press("quote")?;
            }
            "list" => {
                for (meter, sum) in self.wanted {
                    self.page.try_fill(&named(&format!("sum-{}", meter.label)), sum)?;
                }
                self.press("quote")?;
            }
            "quote" if !is("can_pay") => self.begin()?,
            "quote" if self.is_at_meter && is("can_connect") && !is("reached") => self.press("connect")?,
            "quote" => self.press("pay")?,
            // It says so, and that the same is to be had by buying it again.
            "order" if seen.is_earlier_one() => self.begin()?,
            "order" => return self.act_on_order(seen),
            other => panic!("the screen {other} is none of a purchase"),
        }
        Ok(false)
    }

    fn act_on_order(&self, seen: &Seen) -> Result<bool, Refused> {
        if seen.lines("standing", "loaded").len() == self.wanted.len() {
            return Ok(true);
        }
        let in_vain =
            |state| seen.lines("here", "yes").into_iter().find(|label| seen.lines("loaded", state).contains(label));
        match in_vain("no").or_else(|| in_vain("unknown")) {
            Some(label) if self.wanted.len() > 1 => {
                let line = format!("[data-test=line][data-label={}] [data-test=load]", quoted(&label));
                self.page.try_press(&line)?;
            }
            Some(_) => self.press("load")?,
            // Loaded, and the station does not know it yet; or this phone does not have the purchase yet.
            None => self.page.try_press("[data-test=sync], [data-test=fetch]")?,
        }
        Ok(false)
    }

    fn press(&self, test: &str) -> Result<(), Refused> {
        self.page.try_press(&named(test))
    }
}
