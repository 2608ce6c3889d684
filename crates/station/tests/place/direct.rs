//! A database on which a test's own thread works, as if it were the writer.

use coinless_station::store::{GroupSize, Job, PostgresStore, Row, SqliteTx, Store, StoreError, Tx, Value};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

/// SQLite in memory, or a PostgreSQL database whose writer does what this thread says.
pub enum Direct {
    Sqlite(SqliteTx),
    Postgres(Arc<dyn Store>),
}

impl Direct {
    pub fn new() -> Self {
        match super::postgres::chosen().unwrap() {
            Some(connection) => {
                Self::Postgres(Arc::new(PostgresStore::open(&connection, GroupSize::default()).unwrap()))
            }
            None => Self::Sqlite(SqliteTx::in_memory().unwrap()),
        }
    }

    /// Runs `command`, and undoes it if it fails.
    pub fn apply<T, E: From<StoreError>>(&mut self, command: impl FnOnce(&mut dyn Tx) -> Result<T, E>) -> Result<T, E> {
        match self {
            Self::Sqlite(tx) => tx.apply(command),
            Self::Postgres(store) => far(&**store, command),
        }
    }
}

/// What this thread tells the writer to do in its transaction.
enum Order {
    Execute(&'static str, Vec<Value>),
    Query(&'static str, Vec<Value>),
    End { keep: bool },
}

enum Answer {
    Part(i64),
    Changed(Result<u64, StoreError>),
    Rows(Result<Vec<Row>, StoreError>),
    Committed(Result<(), StoreError>),
}

fn far<T, E: From<StoreError>>(store: &dyn Store, command: impl FnOnce(&mut dyn Tx) -> Result<T, E>) -> Result<T, E> {
    let ((orders, ordered), (answer, answers)) = (channel(), channel());
    store.submit(Box::new(Obey { orders: ordered, answer, has_refused: false })).unwrap();
    let Answer::Part(part) = answers.recv().unwrap() else { panic!("the part comes first") };
    let mut tx = Far { part, orders, answers };
    let result = command(&mut tx);
    tx.orders.send(Order::End { keep: result.is_ok() }).unwrap();
    let Answer::Committed(committed) = tx.answers.recv().unwrap() else { panic!("nothing more was asked") };
    result.and_then(|result| committed.map(|()| result).map_err(E::from))
}

/// In the writer's thread: does what it is told.
struct Obey {
    orders: Receiver<Order>,
    answer: Sender<Answer>,
    has_refused: bool,
}

impl Job for Obey {
    fn run(&mut self, tx: &mut dyn Tx) -> bool {
        if self.has_refused {
            // Its group is run again to undo what it wrote before it refused: now it writes nothing.
            return false;
        }
        // Nobody listens any more only if the test has failed.
        let answer = |answer| drop(self.answer.send(answer));
        answer(Answer::Part(tx.part()));
        loop {
            match self.orders.recv() {
                Ok(Order::Execute(sql, parameters)) => answer(Answer::Changed(tx.execute(sql, &parameters))),
                Ok(Order::Query(sql, parameters)) => answer(Answer::Rows(tx.query(sql, &parameters))),
                Ok(Order::End { keep }) => {
                    self.has_refused = !keep;
                    return keep;
                }
                Err(_) => return false,
            }
        }
    }

    fn tell(self: Box<Self>, committed: Result<(), StoreError>) {
        drop(self.answer.send(Answer::Committed(committed)));
    }
}

/// In the test's thread: a transaction in the writer's.
struct Far {
    part: i64,
    orders: Sender<Order>,
    answers: Receiver<Answer>,
}

impl Tx for Far {
    fn execute(&mut self, sql: &'static str, parameters: &[Value]) -> Result<u64, StoreError> {
        self.orders.send(Order::Execute(sql, parameters.to_vec())).unwrap();
        match self.answers.recv().unwrap() {
            Answer::Changed(changed) => changed,
            _ => panic!("the transaction is run again: nobody else should be on this database"),
        }
    }

    fn query(&mut self, sql: &'static str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.orders.send(Order::Query(sql, parameters.to_vec())).unwrap();
        match self.answers.recv().unwrap() {
            Answer::Rows(rows) => rows,
            _ => panic!("the transaction is run again: nobody else should be on this database"),
        }
    }

    fn part(&self) -> i64 {
        self.part
    }
}
