//! What keeps people out of a page, as far as axe-core sees it.

use crate::browser::Tools;
use crate::page::Page;
use std::fs;

/// axe-core, to be run on pages.
pub struct Axe(String);

impl Axe {
    pub fn new(tools: &Tools) -> Self {
        Self(fs::read_to_string(&tools.axe).unwrap())
    }

    /// What is wrong with what the page shows now, a line each: the rule, what it asks for, and where.
    pub fn complaints(&self, page: &Page) -> Vec<String> {
        if page.evaluate("typeof axe") == "undefined" {
            page.evaluate(&format!("{};0", self.0));
        }
        let found = page.evaluate(
            "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map(
                ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(node => `${node.html} (${node.failureSummary})`).join('; ')}`))",
        );
        let lines = found.as_array().unwrap().iter();
        lines.map(|line| line.as_str().unwrap().replace('\n', " ")).collect()
    }
}
