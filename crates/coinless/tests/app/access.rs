//! What keeps people out of a page, as far as axe-core sees it.

use crate::browser::Tools;
use crate::page::Page;
use std::fs;

/// axe-core, to be run on pages.
pub struct Axe(String);

/// All of axe-core's rules that are on by themselves, and the size of targets (WCAG 2.2, 2.5.8), which is not.
const EVERYTHING: &str = "{ iframes: false, resultTypes: ['violations'], rules: { 'target-size': { enabled: true } } }";
/// What alone depends on the colours.
const COLOURS: &str = "{ iframes: false, resultTypes: ['violations'], runOnly: ['color-contrast'] }";

impl Axe {
    pub fn new(tools: &Tools) -> Self {
        Self(fs::read_to_string(&tools.axe).unwrap())
    }

    /// What is wrong with what the page shows now, a line each: the rule, what it asks for, and where.
    pub fn complaints(&self, page: &Page) -> Vec<String> {
        self.run(page, EVERYTHING)
    }

    /// What is wrong with the colours alone.
    pub fn colours(&self, page: &Page) -> Vec<String> {
        self.run(page, COLOURS)
    }

    fn run(&self, page: &Page, options: &str) -> Vec<String> {
        if page.evaluate("typeof axe") == "undefined" {
            page.evaluate(&format!("{};0", self.0));
        }
        let found = page.evaluate(&format!(
            "axe.run(document, {options}).then(({{ violations }}) => violations.map(
                ({{ id, help, nodes }}) => `${{id}}: ${{help}}: ${{nodes.map(node => `${{node.html}} (${{node.failureSummary}})`).join('; ')}}`))"
        ));
        let lines = found.as_array().unwrap().iter();
        lines.map(|line| line.as_str().unwrap().replace('\n', " ")).collect()
    }
}
