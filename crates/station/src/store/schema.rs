//! The tables, as migrations that only go forward.
//!
//! Written in PostgreSQL's types; SQLite takes them through one type map and STRICT. Every primary key leads with what the
//! table is about, and every statement of a purchase names it.

/// Each entry is one migration; the database's version is the number of those that ran.
pub(super) const MIGRATIONS: [&[&str]; 1] = [&[
    // A meter, its credit register as far as it was signed, and the newest receipt known of it.
    "CREATE TABLE meter (
        meter_id TEXT PRIMARY KEY,
        public_key BYTEA NOT NULL,
        commodity BIGINT NOT NULL,
        customer TEXT,
        place TEXT,
        initial_units BIGINT NOT NULL,
        max_credit_units BIGINT NOT NULL,
        epoch BIGINT NOT NULL,
        last_number BIGINT NOT NULL,
        live_total BIGINT NOT NULL CHECK (live_total >= 0),
        reserved_units BIGINT NOT NULL CHECK (reserved_units >= 0),
        receipt_number BIGINT,
        receipt_credit BIGINT,
        receipt_total BIGINT,
        receipt_balance BIGINT,
        enrolled_ms BIGINT NOT NULL
    )",
    // What was signed, or will be, under a number. The payload is committed before it is signed.
    "CREATE TABLE token (
        meter_id TEXT NOT NULL,
        epoch BIGINT NOT NULL,
        number BIGINT NOT NULL,
        total BIGINT NOT NULL,
        refused_first BIGINT,
        refused_last BIGINT,
        payload BYTEA NOT NULL,
        bytes BYTEA,
        PRIMARY KEY (meter_id, epoch, number)
    )",
    // Which numbers count an order line: from first_number on, up to last_number if it was voided.
    "CREATE TABLE meter_line (
        meter_id TEXT NOT NULL,
        order_id TEXT NOT NULL,
        line BIGINT NOT NULL,
        units BIGINT NOT NULL,
        state TEXT NOT NULL,
        epoch BIGINT NOT NULL,
        first_number BIGINT NOT NULL,
        last_number BIGINT,
        PRIMARY KEY (meter_id, order_id, line)
    )",
    "CREATE INDEX meter_line_state ON meter_line (meter_id, state)",
    "CREATE TABLE receipt (
        meter_id TEXT NOT NULL,
        number BIGINT NOT NULL,
        credit_number BIGINT NOT NULL,
        total BIGINT NOT NULL,
        balance BIGINT,
        consumed BIGINT,
        decision TEXT NOT NULL,
        bytes BYTEA NOT NULL,
        received_ms BIGINT NOT NULL,
        PRIMARY KEY (meter_id, number)
    )",
    "CREATE TABLE orders (
        order_id TEXT PRIMARY KEY,
        request TEXT NOT NULL,
        currency TEXT NOT NULL,
        total BIGINT NOT NULL,
        payer TEXT,
        version BIGINT NOT NULL,
        quote_version BIGINT NOT NULL,
        expires_ms BIGINT NOT NULL,
        payment_state TEXT NOT NULL,
        payment_reason TEXT,
        captured BIGINT NOT NULL,
        refunding BIGINT NOT NULL,
        created_ms BIGINT NOT NULL,
        CHECK (refunding <= captured)
    )",
    "CREATE TABLE order_line (
        order_id TEXT NOT NULL,
        line BIGINT NOT NULL,
        meter_id TEXT NOT NULL,
        amount BIGINT NOT NULL,
        net BIGINT NOT NULL,
        tax BIGINT NOT NULL,
        units BIGINT NOT NULL,
        quote TEXT NOT NULL,
        state TEXT NOT NULL,
        immediate BIGINT NOT NULL,
        reason TEXT,
        PRIMARY KEY (order_id, line)
    )",
    // What is to be done next. A task is claimed by a process until a time, and done at least once.
    "CREATE TABLE outbox (
        subject TEXT NOT NULL,
        task TEXT NOT NULL,
        due_ms BIGINT NOT NULL,
        attempts BIGINT NOT NULL,
        claimed_until_ms BIGINT NOT NULL,
        PRIMARY KEY (subject, task)
    )",
    "CREATE INDEX outbox_due ON outbox (due_ms)",
    // Sales of the built-in sales system, by the id that the caller made.
    "CREATE TABLE sale (
        sale_id TEXT PRIMARY KEY,
        meter_id TEXT NOT NULL,
        amount BIGINT NOT NULL,
        units BIGINT NOT NULL,
        state TEXT NOT NULL
    )",
    "CREATE TABLE movement (
        order_id TEXT NOT NULL,
        cause TEXT NOT NULL,
        currency TEXT NOT NULL,
        at_ms BIGINT NOT NULL,
        PRIMARY KEY (order_id, cause)
    )",
    "CREATE TABLE entry (
        order_id TEXT NOT NULL,
        cause TEXT NOT NULL,
        account TEXT NOT NULL,
        amount BIGINT NOT NULL,
        PRIMARY KEY (order_id, cause, account)
    )",
    "CREATE TABLE account (
        account TEXT NOT NULL,
        currency TEXT NOT NULL,
        balance BIGINT NOT NULL,
        PRIMARY KEY (account, currency)
    )",
    // What a person must look at.
    "CREATE TABLE exception (
        subject TEXT NOT NULL,
        cause TEXT NOT NULL,
        detail TEXT NOT NULL,
        at_ms BIGINT NOT NULL,
        PRIMARY KEY (subject, cause)
    )",
]];
