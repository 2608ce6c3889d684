//! What both stores do alike.

use super::{Opened, both, count, first_int, hold, insert};
use coinless_station::store::{Expect, Row, Store, StoreError, Tx, Value};

#[tokio::test]
async fn a_failed_command_leaves_nothing_and_its_neighbours_stay() {
    for Opened { store, .. } in both() {
        let held = hold(&*store).await;
        let answers: Vec<_> = (0..10_i64)
            .map(|n| {
                store.write(move |tx: &mut dyn Tx| {
                    tx.execute(super::INSERT, &[n.to_string().into()])?;
                    match n % 3 {
                        0 => Ok(n),
                        1 => Err(StoreError::Shape("its own error".to_owned())),
                        // Refused by the database: the key is there already.
                        _ => tx.execute(super::INSERT, &[n.to_string().into()]).map(|_| n),
                    }
                })
            })
            .collect();
        drop(held);
        for (n, answer) in answers.into_iter().enumerate() {
            match (n % 3, answer.await) {
                (0, Ok(_)) | (1, Err(StoreError::Shape(_))) | (2, Err(StoreError::Database(_))) => (),
                (_, answer) => panic!("{n} gave {answer:?}"),
            }
        }
        assert_eq!(count(&*store).await, 4);
    }
}

#[tokio::test]
async fn what_is_not_waited_for_fails_its_own_command_and_its_neighbours_stay() {
    const NOTHING: &str = "UPDATE exception SET at_ms = 1 WHERE subject = $1";
    for Opened { store, .. } in both() {
        let held = hold(&*store).await;
        let answers: Vec<_> = (0..12_i64)
            .map(|n| {
                store.write(move |tx: &mut dyn Tx| {
                    tx.put(super::INSERT, &[n.to_string().into()], Expect::One("a row"))?;
                    match n % 4 {
                        0 => tx.put(NOTHING, &["nobody".into()], Expect::Any)?,
                        // Refused by the database: the key is there already.
                        1 => tx.put(super::INSERT, &[n.to_string().into()], Expect::Any)?,
                        2 => tx.put(NOTHING, &["nobody".into()], Expect::One("changing nobody"))?,
                        // Its own error, and nothing was sent yet.
                        _ => return Err(StoreError::Shape("its own error".to_owned())),
                    }
                    Ok(n)
                })
            })
            .collect();
        drop(held);
        for (n, answer) in answers.into_iter().enumerate() {
            match (n % 4, answer.await) {
                (0, Ok(_)) | (1, Err(StoreError::Database(_))) | (3, Err(StoreError::Shape(_))) => (),
                (2, Err(StoreError::Count(what))) if what == "changing nobody changed 0 rows" => (),
                (_, answer) => panic!("{n} gave {answer:?}"),
            }
        }
        assert_eq!(count(&*store).await, 3);
    }
}

#[tokio::test]
async fn questions_that_are_asked_together_are_answered_in_order_and_see_what_was_put() {
    const SET: &str = "UPDATE exception SET at_ms = $2 WHERE subject = $1 RETURNING at_ms";
    for Opened { store, .. } in both() {
        let answers = store.write(|tx: &mut dyn Tx| {
            for n in 0..600_i64 {
                tx.put(super::INSERT, &[n.to_string().into()], Expect::One("a row"))?;
            }
            tx.query_each(&[
                (super::COUNT, &[]),
                (SET, &["7".into(), 7_i64.into()]),
                (SET, &["none".into(), 0_i64.into()]),
            ])
        });
        let one = |value: i64| vec![Row::new(vec![value.into()])];
        assert_eq!(answers.await.unwrap(), [one(600), one(7), vec![]]);
        assert_eq!(count(&*store).await, 600);
    }
}

#[tokio::test]
async fn parameters_bind_by_number_whatever_their_type() {
    for Opened { store, .. } in both() {
        let rows = query(&*store, "SELECT $2, $1, $2", vec!["first".into(), 2_i64.into()]).await.unwrap();
        assert_eq!(rows, [Row::new(vec![2_i64.into(), "first".into(), 2_i64.into()])]);
    }
}

async fn query(store: &dyn Store, sql: &'static str, parameters: Vec<Value>) -> Result<Vec<Row>, StoreError> {
    store.write(move |tx: &mut dyn Tx| tx.query(sql, &parameters)).await
}

#[tokio::test]
async fn values_come_back_as_they_went() {
    const STORE: &str = "INSERT INTO token (meter_id, epoch, number, total, refused_first, payload, bytes)
        VALUES ($1, $2, 1, $3, $4, $5, $6)";
    const LOAD: &str = "SELECT epoch, total, refused_first, payload, bytes FROM token WHERE meter_id = $1 LIMIT $2";
    let null = || Value::Null;
    let rows: Vec<Vec<Value>> = vec![
        vec![i64::MAX.into(), i64::MIN.into(), null(), vec![0_u8, 255].as_slice().into(), null()],
        // The same statement again, with NULL elsewhere.
        vec![0_i64.into(), (-1_i64).into(), 7_i64.into(), [].as_slice().into(), [1_u8].as_slice().into()],
        vec![1_i64.into(), 5_000_000_000_i64.into(), null(), [2_u8].as_slice().into(), [3_u8].as_slice().into()],
    ];
    for Opened { store, .. } in both() {
        for (n, row) in rows.iter().enumerate() {
            let key = Value::from(format!("Ä{n}"));
            let parameters = [std::slice::from_ref(&key), row].concat();
            assert_eq!(query(&*store, STORE, parameters).await.unwrap(), []);
            let loaded = query(&*store, LOAD, vec![key, 1_i64.into()]).await.unwrap();
            assert_eq!(loaded, [Row::new(row.clone())]);
        }
    }
}

#[tokio::test]
async fn expressions_have_the_same_types() {
    for Opened { store, .. } in both() {
        let sql = "SELECT CAST($1 AS TEXT), 1, count(*), EXISTS (SELECT 1 FROM meter), 1 < 2, NULL, 'text' || $2,
            CAST(sum(balance) AS BIGINT) FROM balance";
        let row = query(&*store, sql, vec![12_i64.into(), "more".into()]).await.unwrap();
        let expected: [Value; 8] = [
            "12".into(),
            1_i64.into(),
            0_i64.into(),
            0_i64.into(),
            1_i64.into(),
            Value::Null,
            "textmore".into(),
            Value::Null,
        ];
        assert_eq!(row, [Row::new(expected.to_vec())]);
        let returned = "INSERT INTO exception (subject, cause, detail, at_ms) VALUES ($1, 'c', 'd', $2)
            ON CONFLICT (subject, cause) DO UPDATE SET at_ms = exception.at_ms + $2 RETURNING at_ms";
        for expected in [20_i64, 40] {
            let row = query(&*store, returned, vec!["s".into(), 20_i64.into()]).await.unwrap();
            assert_eq!(row, [Row::new(vec![expected.into()])]);
        }
        for wrong in [vec![], vec!["s".into()]] {
            let refused = query(&*store, returned, wrong).await;
            assert!(matches!(refused, Err(StoreError::Database(_))), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn the_number_of_changed_rows_is_told() {
    for Opened { store, .. } in both() {
        for name in ["a", "b", "c"] {
            insert(&*store, name).await.unwrap();
        }
        let changed = store.write(|tx: &mut dyn Tx| {
            let some = tx.execute("UPDATE exception SET at_ms = 1 WHERE subject < $1", &["c".into()])?;
            let none = tx.execute("DELETE FROM exception WHERE subject = $1", &["z".into()])?;
            Ok::<_, StoreError>((some, none))
        });
        assert_eq!(changed.await.unwrap(), (2, 0));
    }
}

#[tokio::test]
async fn a_read_sees_what_was_acknowledged_and_writes_nothing() {
    for Opened { store, .. } in both() {
        for n in 0..50_i64 {
            insert(&*store, &n.to_string()).await.unwrap();
            assert_eq!(count(&*store).await, n + 1);
        }
        let locking = store.read(|tx| tx.query("SELECT detail FROM exception WHERE subject = '7' FOR UPDATE", &[]));
        assert_eq!(locking.await.unwrap(), [Row::new(vec!["d".into()])]);
        let writing = store.read(|tx| tx.execute("DELETE FROM exception", &[])).await;
        assert!(matches!(writing, Err(StoreError::Database(_))), "{writing:?}");
        assert_eq!(count(&*store).await, 50);
    }
}

#[tokio::test]
async fn dropping_a_store_lets_queued_commands_finish() {
    for Opened { store, _holds } in both() {
        let answers: Vec<_> = (0..100)
            .map(|n: i64| {
                store.write(move |tx: &mut dyn Tx| {
                    tx.execute(super::INSERT, &[n.to_string().into()])?;
                    first_int(tx, super::COUNT)
                })
            })
            .collect();
        drop(store);
        for (n, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer.await.unwrap(), i64::try_from(n).unwrap() + 1);
        }
    }
}

#[tokio::test]
async fn nul_in_a_text_of_others_stops_nobody() {
    for Opened { store, .. } in both() {
        insert(&*store, "a\0b").await.unwrap();
        let found =
            query(&*store, "SELECT subject FROM exception WHERE subject = $1", vec!["a\0b".into()]).await.unwrap();
        // PostgreSQL cannot keep it: the sign for what cannot be shown stands in its place.
        assert!(["a\0b", "a\u{FFFD}b"].contains(&found[0].text(0).unwrap()), "{found:?}");
    }
}
