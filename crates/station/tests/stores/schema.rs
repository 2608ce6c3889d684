//! The schema, and whether PostgreSQL takes every statement of the station.

use super::postgres::execute;
use super::{cluster, count, insert, open};
use coinless_station::store::{GroupSize, PostgresStore};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Barrier};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls};

#[tokio::test]
async fn openers_at_once_migrate_once() {
    const OPENERS: usize = 4;
    let Some(cluster) = cluster() else { return };
    let connection = cluster.database().unwrap();
    let start = Arc::new(Barrier::new(OPENERS));
    let openers: Vec<_> = (0..OPENERS)
        .map(|_| {
            let (connection, start) = (connection.clone(), start.clone());
            std::thread::spawn(move || {
                start.wait();
                open(&connection)
            })
        })
        .collect();
    let stores: Vec<_> = openers.into_iter().map(|opener| opener.join().unwrap()).collect();
    for (n, store) in stores.iter().enumerate() {
        insert(&**store, &n.to_string()).await.unwrap();
    }
    assert_eq!(count(&*open(&connection)).await, 4);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let Some(cluster) = cluster() else { return };
    let connection = cluster.database().unwrap();
    let store = open(&connection);
    insert(&*store, "kept").await.unwrap();
    execute(&connection, "UPDATE schema_version SET version = version + 1").unwrap();
    let error = PostgresStore::open(&connection, GroupSize::default()).err().unwrap().to_string();
    assert!(error.contains("use a newer program"), "{error}");
    assert_eq!(count(&*store).await, 1);
}

#[tokio::test]
async fn a_server_that_is_not_durable_or_a_database_in_another_encoding_is_refused() {
    let Some(cluster) = cluster() else { return };
    let other = "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'";
    cluster.execute("postgres", other).unwrap();
    let latin = cluster.database().unwrap().rsplit_once('=').unwrap().0.to_owned() + "=latin";
    let error = PostgresStore::open(&latin, GroupSize::default()).err().unwrap().to_string();
    assert!(error.contains("UTF8"), "{error}");
    // What a role or a database sets for its sessions is set right.
    let connection = cluster.database().unwrap();
    let name = connection.rsplit('=').next().unwrap();
    cluster.execute("postgres", &format!("ALTER DATABASE {name} SET synchronous_commit = off")).unwrap();
    let setting = open(&connection).write(|tx| {
        let rows = tx.query("SELECT current_setting('synchronous_commit')", &[])?;
        rows[0].text(0).map(str::to_owned)
    });
    assert_eq!(setting.await.unwrap(), "on");
}

#[tokio::test]
async fn every_statement_of_the_station_is_one_of_postgresql() {
    let Some(cluster) = cluster() else { return };
    let connection = cluster.database().unwrap();
    drop(open(&connection));
    let (client, driver) = tokio_postgres::connect(&connection, NoTls).await.unwrap();
    let driver = tokio::spawn(driver);
    let mut statements = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut statements);
    assert!(statements.len() > 60, "only {} statements were found", statements.len());
    let mut wrong = Vec::new();
    for statement in &statements {
        if let Err(why) = check(&client, statement).await {
            wrong.push(format!("{why}: {statement}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    drop(client);
    driver.await.unwrap().unwrap();
}

/// Whether the server prepares the statement without being told its types, which is how NULL is bound, and all its types are
/// those of [`coinless_station::store::Value`].
async fn check(client: &Client, statement: &str) -> Result<(), String> {
    let prepared = client.prepare(statement).await.map_err(|error| match error.as_db_error() {
        Some(refused) => refused.message().to_owned(),
        None => error.to_string(),
    })?;
    let is_ours = |kind: &Type| [Type::INT8, Type::TEXT, Type::BYTEA].contains(kind);
    if let Some(other) = prepared.params().iter().find(|kind| !is_ours(kind)) {
        return Err(format!("a parameter is {other}"));
    }
    let is_read = |kind: &Type| is_ours(kind) || [Type::INT4, Type::BOOL].contains(kind);
    match prepared.columns().iter().find(|column| !is_read(column.type_())) {
        Some(column) => Err(format!("the column {} is {}", column.name(), column.type_())),
        None => Ok(()),
    }
}

/// Adds all literals of the Rust files below `folder` that are statements, except those of the stores themselves and of the
/// signer, whose book is a SQLite file of its own.
fn collect(folder: &Path, statements: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("store") && !path.ends_with("signer") {
                collect(&path, statements);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let words = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];
            let found = literals(&fs::read_to_string(&path).unwrap());
            statements.extend(found.into_iter().filter(|text| words.iter().any(|word| text.starts_with(word))));
        }
    }
}

/// The string literals of Rust source, as far as SQL is written in them.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let (token, after) = (&rest[at..], &rest[at + 1..]);
        rest = if token.starts_with("//") {
            token.find('\n').map_or("", |end| &token[end..])
        } else if token.starts_with("'\"'") || token.starts_with("'\\\"'") {
            &token[token.len().min(3)..]
        } else if let Some(text) = token.strip_prefix('"') {
            let (literal, after) = literal(text);
            found.push(literal);
            after
        } else {
            after
        };
    }
    found
}

/// The literal whose opening quote was read, and what comes after it.
fn literal(text: &str) -> (String, &str) {
    let mut literal = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (literal, &text[at + 1..]),
            '\\' => match characters.next() {
                Some((_, '\n')) => literal.push(' '),
                Some((_, escaped)) => literal.push(escaped),
                None => break,
            },
            _ => literal.push(character),
        }
    }
    (literal, "")
}
