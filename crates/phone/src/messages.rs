//! Messages for people, in the syntax of [Fluent 1.0](https://projectfluent.org): texts, what is put into them, and forms by a
//! count. That is all of it that the app's files use. How a number is written, and which form a count takes, the reader's browser
//! knows.

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement, Variant, VariantKey};
use fluent_syntax::parser::parse_runtime;
use fluent_syntax::unicode::unescape_unicode_to_string;
use std::collections::BTreeMap;

/// Before what is put into a text that may run the other way, and behind it (UAX #9: FSI and PDI).
const ISOLATED: [char; 2] = ['\u{2068}', '\u{2069}'];

/// The messages of one language.
#[derive(Debug)]
pub struct Messages {
    patterns: BTreeMap<String, Pattern<String>>,
    isolates: bool,
}

/// What is put into a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// As it is.
    Text(&'a str),
    /// As the reader writes numbers; and a message may have forms for it.
    Count(u64),
}

/// How a language treats numbers.
pub trait Numbers {
    /// A decimal number, `1234.5`, as its readers write it.
    fn written(&self, decimal: &str) -> String;

    /// The plural category of a count (CLDR: `zero`, `one`, `two`, `few`, `many` or `other`).
    fn category(&self, count: u64) -> String;
}

impl Messages {
    /// Reads a file of messages. If it `isolates`, what is put in has no part in the direction of the text around it.
    ///
    /// # Errors
    /// In words, what is wrong with the file.
    pub fn read(text: String, isolates: bool) -> Result<Self, String> {
        let resource = parse_runtime(text).map_err(|(_, errors)| {
            errors.first().map_or_else(String::new, |error| format!("{error} at byte {}", error.pos.start))
        })?;
        let mut patterns = BTreeMap::new();
        for entry in resource.body {
            if let Entry::Message(message) = entry {
                message.value.map(|value| patterns.insert(message.id.name, value));
            }
        }
        Ok(Self { patterns, isolates })
    }

    /// Whether there is a message `id`.
    pub fn has(&self, id: &str) -> bool {
        self.patterns.contains_key(id)
    }

    /// The message `id` with `values` put in by their names; the id itself if there is none. What has no value stays as the
    /// file has it.
    pub fn say(&self, id: &str, values: &[(&str, Value<'_>)], numbers: &dyn Numbers) -> String {
        let Some(pattern) = self.patterns.get(id) else { return id.to_owned() };
        let mut said = String::new();
        Saying { isolates: self.isolates, values, numbers }.pattern(pattern, &mut said);
        said
    }
}

/// One message being said.
struct Saying<'a> {
    isolates: bool,
    values: &'a [(&'a str, Value<'a>)],
    numbers: &'a dyn Numbers,
}

impl Saying<'_> {
    fn pattern(&self, pattern: &Pattern<String>, said: &mut String) {
        for element in &pattern.elements {
            match element {
                PatternElement::TextElement { value } => said.push_str(value),
                PatternElement::Placeable { expression } => {
                    let is_own = matches!(expression, Expression::Inline(InlineExpression::StringLiteral { .. }));
                    let isolates = self.isolates && pattern.elements.len() > 1 && !is_own;
                    said.extend(isolates.then_some(ISOLATED[0]));
                    self.expression(expression, said);
                    said.extend(isolates.then_some(ISOLATED[1]));
                }
            }
        }
    }

    fn expression(&self, expression: &Expression<String>, said: &mut String) {
        match expression {
            Expression::Inline(inline) => self.inline(inline, said),
            Expression::Select { selector, variants } => {
                if let Some(chosen) = self.chosen(selector, variants) {
                    self.pattern(chosen, said);
                }
            }
        }
    }

    fn inline(&self, inline: &InlineExpression<String>, said: &mut String) {
        match inline {
            InlineExpression::StringLiteral { value } => said.push_str(&unescape_unicode_to_string(value)),
            InlineExpression::NumberLiteral { value } => said.push_str(&self.numbers.written(value)),
            InlineExpression::VariableReference { id } => match self.value(&id.name) {
                Some(Value::Text(text)) => said.push_str(text),
                Some(Value::Count(count)) => said.push_str(&self.numbers.written(&count.to_string())),
                None => said.extend(["{$", &id.name, "}"]),
            },
            InlineExpression::Placeable { expression } => self.expression(expression, said),
            // There are no functions, and messages do not name one another: a test of the app's files asks for that.
            InlineExpression::FunctionReference { id, .. }
            | InlineExpression::MessageReference { id, .. }
            | InlineExpression::TermReference { id, .. } => said.extend(["{", &id.name, "}"]),
        }
    }

    /// The first form that fits the value, else the one that the file marks.
    fn chosen<'m>(
        &self,
        selector: &InlineExpression<String>,
        variants: &'m [Variant<String>],
    ) -> Option<&'m Pattern<String>> {
        let value = match selector {
            InlineExpression::VariableReference { id } => self.value(&id.name),
            _ => None,
        };
        let (name, exact) = match value {
            Some(Value::Text(text)) => (text.to_owned(), None),
            Some(Value::Count(count)) => (self.numbers.category(count), Some(count.to_string())),
            None => (String::new(), None),
        };
        let fits = |variant: &&Variant<String>| match &variant.key {
            VariantKey::Identifier { name: key } => *key == name,
            VariantKey::NumberLiteral { value } => Some(value) == exact.as_ref(),
        };
        let variant = variants.iter().find(fits).or_else(|| variants.iter().find(|variant| variant.default));
        variant.map(|variant| &variant.value)
    }

    fn value(&self, name: &str) -> Option<Value<'_>> {
        self.values.iter().find(|(of, _)| *of == name).map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct English;

    impl Numbers for English {
        fn written(&self, decimal: &str) -> String {
            format!("<{decimal}>")
        }

        fn category(&self, count: u64) -> String {
            if count == 1 { "one".into() } else { "other".into() }
        }
    }

    const FILE: &str = "\
# A comment.
plain = Load the meter
label = The meter { $label } and { $label }.
lines = { $n ->
    [0] no line
    [one] one line
   *[other] { $n } lines, { 2.5 } each
}
kind = It is { $kind ->
    [gas] gas of { $label }
   *[water] water
}.
empty = { \"\" }{ $label }{ \"\\u00A0\" }m³
";

    fn said(id: &str, values: &[(&str, Value<'_>)]) -> String {
        Messages::read(FILE.into(), false).unwrap().say(id, values, &English)
    }

    #[test]
    fn values_are_put_in_by_their_names() {
        assert_eq!(said("plain", &[]), "Load the meter");
        assert_eq!(said("label", &[("label", Value::Text("AB"))]), "The meter AB and AB.");
        assert_eq!(said("label", &[("n", Value::Count(1))]), "The meter {$label} and {$label}.");
        assert_eq!(said("empty", &[("label", Value::Text("3"))]), "3\u{a0}m³");
        assert_eq!(said("not-there", &[]), "not-there");
    }

    #[test]
    fn a_count_chooses_a_form() {
        assert_eq!(said("lines", &[("n", Value::Count(0))]), "no line");
        assert_eq!(said("lines", &[("n", Value::Count(1))]), "one line");
        assert_eq!(said("lines", &[("n", Value::Count(1_000))]), "<1000> lines, <2.5> each");
        assert_eq!(said("lines", &[]), "{$n} lines, <2.5> each");
        let of = |kind| said("kind", &[("kind", Value::Text(kind)), ("label", Value::Text("AB"))]);
        assert_eq!((of("gas"), of("oil")), ("It is gas of AB.".into(), "It is water.".into()));
    }

    #[test]
    fn what_is_put_in_may_be_isolated() {
        let messages = Messages::read(FILE.into(), true).unwrap();
        let label = [("label", Value::Text("AB"))];
        assert_eq!(messages.say("label", &label, &English), "The meter \u{2068}AB\u{2069} and \u{2068}AB\u{2069}.");
        assert_eq!(messages.say("empty", &label, &English), "\u{2068}AB\u{2069}\u{a0}m³");
        assert_eq!(messages.say("lines", &[("n", Value::Count(1))], &English), "one line");
    }

    #[test]
    fn a_broken_file_is_told_with_its_place() {
        let error = Messages::read("good = yes\nbad { $n\n".into(), false).unwrap_err();
        assert!(error.ends_with("at byte 15"), "{error}");
    }
}
