//! The books: random movements, reports, what people book, how they see to exceptions, floats, and the comparison with
//! everybody else's books. The station's real commands on a database that the test's own thread works on, with scripted answers from outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod contradicting;
mod desk;
mod epochs;
mod floats;
mod forgotten;
mod installing;
mod ledger;
mod manual;
#[path = "../place/mod.rs"]
mod place;
mod readers;
mod reconciling;
mod replacing;
mod reports;
mod resolving;
mod restoring;
mod stuck;
mod taken_back;
mod terms;
