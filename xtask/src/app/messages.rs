//! What must hold of the app's texts in every language: tests only, since the app itself reads them where it runs.

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Message, Pattern, PatternElement, Variant, VariantKey};
use fluent_syntax::parser;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The languages with the plural categories of their cardinal numbers (CLDR 48, "Language Plural Rules").
const LANGUAGES: [(&str, &[&str]); 6] = [
    ("en", &["one", "other"]),
    ("zh", &["other"]),
    ("fr", &["many", "one", "other"]),
    ("es", &["many", "one", "other"]),
    ("sw", &["one", "other"]),
    ("ar", &["few", "many", "one", "other", "two", "zero"]),
];

/// What is checked of a message, apart from its words.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shape {
    /// The names in braces, and the names of attributes with a dot before them.
    names: BTreeSet<String>,
    /// The forms of each choice by a count; exact numbers are left out.
    choices: Vec<BTreeSet<String>>,
}

fn folder() -> PathBuf {
    crate::root().join("app")
}

/// The messages of a language by their ids.
fn messages(language: &str) -> BTreeMap<String, Shape> {
    let path = folder().join("messages").join(format!("{language}.ftl"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let resource = parser::parse(text.as_str()).unwrap_or_else(|(_, errors)| panic!("{language}: {errors:?}"));
    let mut messages = BTreeMap::new();
    for entry in &resource.body {
        match entry {
            Entry::Message(message) => {
                let before = messages.insert(message.id.name.to_owned(), shape(message));
                assert!(before.is_none(), "{language}: {} is there twice", message.id.name);
            }
            Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) => {}
            other => panic!("{language}: neither a message nor a comment: {other:?}"),
        }
    }
    messages
}

fn shape(message: &Message<&str>) -> Shape {
    let mut shape = Shape::default();
    let value = message.value.as_ref().unwrap_or_else(|| panic!("{} says nothing", message.id.name));
    take(value, &mut shape);
    for attribute in &message.attributes {
        shape.names.insert(format!(".{}", attribute.id.name));
        take(&attribute.value, &mut shape);
    }
    shape
}

fn take(pattern: &Pattern<&str>, shape: &mut Shape) {
    for element in &pattern.elements {
        if let PatternElement::Placeable { expression } = element {
            take_expression(expression, shape);
        }
    }
}

fn take_expression(expression: &Expression<&str>, shape: &mut Shape) {
    match expression {
        Expression::Inline(inline) => take_inline(inline, shape),
        Expression::Select { selector, variants } => {
            take_inline(selector, shape);
            shape.choices.push(variants.iter().filter_map(category).collect());
            variants.iter().for_each(|variant| take(&variant.value, shape));
        }
    }
}

fn take_inline(inline: &InlineExpression<&str>, shape: &mut Shape) {
    match inline {
        InlineExpression::VariableReference { id } => drop(shape.names.insert(id.name.to_owned())),
        InlineExpression::Placeable { expression } => take_expression(expression, shape),
        InlineExpression::StringLiteral { .. } | InlineExpression::NumberLiteral { .. } => {}
        // The app gives no functions, and its messages do not name one another: a translator need not look for them.
        other => panic!("not used in this project: {other:?}"),
    }
}

fn category(variant: &Variant<&str>) -> Option<String> {
    match variant.key {
        VariantKey::Identifier { name } => Some(name.to_owned()),
        VariantKey::NumberLiteral { .. } => None,
    }
}

#[test]
fn every_language_says_the_same_messages_with_the_same_names() {
    let english = messages("en");
    let files = super::names::files(&folder().join("messages")).unwrap();
    let expected: BTreeSet<_> = LANGUAGES.iter().map(|(language, _)| format!("{language}.ftl")).collect();
    assert_eq!(files.into_iter().collect::<BTreeSet<_>>(), expected);
    for (language, _) in LANGUAGES {
        let translated = messages(language);
        let ids = |of: &BTreeMap<String, Shape>| of.keys().cloned().collect::<BTreeSet<_>>();
        let (here, there) = (ids(&translated), ids(&english));
        let differ: Vec<_> = here.symmetric_difference(&there).collect();
        assert!(differ.is_empty(), "{language}.ftl and en.ftl do not both have {differ:?}");
        for (id, shape) in &translated {
            assert_eq!(shape.names, english[id].names, "{language}.ftl: {id}");
        }
    }
}

#[test]
fn every_count_has_the_forms_of_its_language() {
    let english = messages("en");
    for (language, categories) in LANGUAGES {
        let categories: BTreeSet<_> = categories.iter().map(|category| (*category).to_owned()).collect();
        for (id, shape) in messages(language) {
            for forms in &shape.choices {
                assert_eq!(*forms, categories, "{language}.ftl: {id}");
            }
            // Where English needs forms, so does every language that has some.
            let needs = !english[&id].choices.is_empty() && categories.len() > 1;
            assert!(!needs || !shape.choices.is_empty(), "{language}.ftl: {id} has one form for all counts");
        }
    }
}

#[test]
fn what_the_app_says_is_there_and_what_is_there_is_said() {
    let source = source(&folder().join("src")) + &format!("{:?}", super::bundle::SLOW);
    let english = messages("en");
    for call in ["t(\"", "tn(\"", "tt(\""] {
        for (at, _) in source.match_indices(call) {
            let is_word = source[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
            let id = source[at + call.len()..].split('"').next().unwrap_or_default();
            assert!(is_word || english.contains_key(id), "the app says {id:?}, which is not in en.ftl");
        }
    }
    for id in english.keys() {
        // By its whole name, or put together from a beginning of it.
        let mut beginnings = id.match_indices('-').map(|(at, _)| format!("\"{}{{", &id[..=at]));
        let is_said = source.contains(&format!("\"{id}\"")) || beginnings.any(|part| source.contains(&part));
        assert!(is_said, "the app never says {id}");
    }
}

/// All of the app's program.
fn source(folder: &Path) -> String {
    let names = super::names::files(folder).unwrap();
    names.iter().map(|name| fs::read_to_string(folder.join(name)).unwrap()).collect::<Vec<_>>().join("\n")
}
