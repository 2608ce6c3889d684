//! The station: looks meters up, quotes, collects money, sells through the utility, issues tokens, reads receipts and keeps
//! the books.
//!
//! Data flows one way: an HTTP request or a task's result becomes a *command* (a function over [`work::Work`]), which runs
//! in one database transaction and writes what must be done next as *tasks*; workers perform a task's *effect* (a call to a
//! payment provider, a sales system, or the signer) outside any transaction and bring its result back as the next command.
//!
//! * [`store`]: the database behind a small trait, with one writer that commits in groups.
//! * [`work`], [`tasks`]: a command's context; what is to be done next and how its result comes back.
//! * [`orders`], [`payments`], [`sell`], [`issue`], [`receipts`], [`refunds`]: the life of an order, in this order.
//! * [`registers`]: which order lines each signed number counts; voids and their settlement.
//! * [`terms`]: tokens for the other registers: tariff, settings, keys, valve command and clock.
//! * [`reports`]: what meters say of their events and inner sums.
//! * [`readers`], [`readings`]: who may read a meter, and what is read. [`problem_reports`]: what people report.
//! * [`replacement`], [`retirement`]: meters that another one takes the place of, closed by their receipt or dead.
//! * [`backup`], [`recovery`]: the database as text; what a station does that was restored from a backup.
//! * [`ledger`]: double entry. [`float`]: what managers paid in advance.
//! * [`resolve`]: how people see to what came before them. [`reconcile`]: the comparison with everybody else's books.
//! * [`provider`], [`sales`]: the world outside, as traits with one module for each real system.
//! * [`tariff`]: what a sum of money buys, as values in and values out.
//! * [`setup`]: a first configuration from a landlord's answers.
//! * [`keys`]: the station's keys and the issuer's public ones. [`signer`]: who signs, with keys and quotas of its own.
//! * [`app`]: the phone app that is served.
//! * [`http`]: the API. [`service`]: all of it as one running process.

pub mod app;
pub mod audit;
pub mod backup;
pub mod config;
pub mod erase;
pub mod float;
pub mod health;
pub mod http;
pub mod installation;
pub mod issue;
pub mod keys;
pub mod ledger;
pub mod lifecycle;
pub mod meters;
pub mod money;
pub mod net;
pub mod operator;
pub mod orders;
pub mod payments;
pub mod problem;
pub mod problem_reports;
pub mod provider;
pub mod readers;
pub mod readings;
pub mod receipts;
pub mod reconcile;
pub mod records;
pub mod recovery;
pub mod refunds;
pub mod registers;
pub mod replacement;
pub mod reports;
pub mod resolve;
pub mod retirement;
pub mod sales;
pub mod sell;
pub mod service;
pub mod setup;
pub mod show;
pub mod signer;
pub mod store;
pub mod sweep;
pub mod tariff;
pub mod tasks;
pub mod telemetry;
pub mod tenants;
pub mod terms;
pub mod utilities;
pub mod view;
pub mod work;
