//! The signer behind a socket.

use crate::support::*;
use coinless_protocol::{CreditNumber, Epoch};
use coinless_station::signer::{
    LocalSigner, MAX_FRAME_BYTES, Peers, ReadSignRequest, SignError, SignedBefore, SocketSigner, TokenSigner, listen,
    serve,
};
use proptest::prelude::*;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Server {
    path: PathBuf,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), SignError>>,
}

impl Server {
    fn start(place: &Place, signer: LocalSigner) -> Self {
        let path = place.path().join("socket");
        let listener = listen(&path, &Peers::default()).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            // Dropped is as good as told.
            let _ = stopped.await;
        };
        let serving = tokio::spawn(serve(listener, signer, Peers::default(), shutdown));
        Self { path, stop, serving }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.serving.await.unwrap().unwrap();
    }
}

async fn unavailable(signer: &dyn TokenSigner) -> String {
    match signer.sign(&credit(meter(1), 1, 10)).await {
        Err(SignError::Unavailable(why)) => why,
        other => panic!("nobody should answer: {other:?}"),
    }
}

#[tokio::test]
async fn everything_goes_through_a_socket() {
    let (place, signer) = Place::with_limits(100, 100).await;
    let server = Server::start(&place, signer);
    let signer = SocketSigner::new(&server.path);
    let request = credit(meter(1), 1, 60);
    let token = signs(&signer, &request).await;
    assert!(place.is_genuine(&request, &token));
    signs(&signer, &request).await;
    assert!(over(&signer, &credit(meter(1), 2, 101)).await.is_some());
    assert!(over(&signer, &credit(meter(1), 2, 1_000)).await.is_none());
    assert!(refused(&signer, &credit(meter(1), 1, 61)).await.contains("another content"));
    assert_eq!(signer.highest_number(&utility(), meter(1)).await, Ok(Some((Epoch(0), CreditNumber(1)))));
    assert_eq!(signer.highest_number(&utility(), meter(2)).await, Ok(None));
    let meter_key = meter_key().hash();
    signer.learn(&SignedBefore { utility: utility(), meter_key, token }).await.unwrap();
    let read = ReadSignRequest { utility: utility(), meter: meter(1), meter_key, epoch: Epoch(0), challenge: [1; 8] };
    assert!(!signer.sign_read_request(&read).await.unwrap().is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_are_under_way_on_one_connection() {
    let (place, signer) = Place::with_limits(1_000, 1_000).await;
    let server = Server::start(&place, signer);
    let signer = Arc::new(SocketSigner::new(&server.path));
    let tasks: Vec<_> = (0..500)
        .map(|n| {
            let signer = signer.clone();
            tokio::spawn(async move {
                let request = credit(meter(n), 1, 2);
                let token = signs(&*signer, &request).await;
                (request, token)
            })
        })
        .collect();
    for task in tasks {
        let (request, token) = task.await.unwrap();
        let (signed, _) = coinless_protocol::token::Token::parse(&token).unwrap();
        assert_eq!(signed.payload, request.payload, "an answer to another question");
    }
    over(&*signer, &credit(meter(1), 2, 3)).await;
    server.stop().await;
}

#[tokio::test]
async fn a_signer_that_is_gone_is_unavailable_and_found_again() {
    let (place, signer) = Place::with_limits(100, 100).await;
    let path = place.path().join("socket");
    let asking = SocketSigner::new(&path);
    assert!(unavailable(&asking).await.contains("socket"));
    let server = Server::start(&place, signer);
    let request = credit(meter(1), 1, 10);
    signs(&asking, &request).await;
    server.stop().await;
    unavailable(&asking).await;
    let server = Server::start(&place, place.open().await.unwrap());
    // The same again, as the station does it: committed before, so free.
    signs(&asking, &request).await;
    signs(&asking, &credit(meter(1), 2, 100)).await;
    server.stop().await;
}

#[tokio::test]
async fn a_signer_that_dies_with_a_question_is_unavailable() {
    let place = Place::new();
    let path = place.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let asking = SocketSigner::new(&path);
    // It takes the question and dies, by silence or with half an answer or with nonsense.
    for answer in [&[][..], &[0, 0], &[0, 0, 0, 9, 1], &[0, 0, 0, 2, b'{', b'}'], &[255; 8]] {
        let dying = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4];
            stream.read_exact(&mut head).await.unwrap();
            let mut body = vec![0; u32::from_be_bytes(head) as usize];
            stream.read_exact(&mut body).await.unwrap();
            stream.write_all(answer).await.unwrap();
        };
        tokio::join!(unavailable(&asking), dying);
    }
    drop(listener);
    let server = Server::start(&place, place.open().await.unwrap());
    signs(&asking, &credit(meter(1), 1, 10)).await;
    server.stop().await;
}

#[tokio::test]
async fn a_frame_that_is_too_long_ends_only_its_connection() {
    let (place, signer) = Place::with_limits(100, 100).await;
    let server = Server::start(&place, signer);
    for len in [MAX_FRAME_BYTES as u32 + 1, u32::MAX] {
        let mut stream = UnixStream::connect(&server.path).await.unwrap();
        stream.write_all(&len.to_be_bytes()).await.unwrap();
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0, "it should be closed");
    }
    let asking = SocketSigner::new(&server.path);
    let mut huge = credit(meter(1), 1, 10);
    huge.payload = vec![0; MAX_FRAME_BYTES];
    assert!(matches!(asking.sign(&huge).await, Err(SignError::Unavailable(_))));
    signs(&asking, &credit(meter(1), 1, 10)).await;
    server.stop().await;
}

#[tokio::test]
async fn a_socket_is_for_its_owner_and_replaces_only_a_dead_one() {
    let (place, signer) = Place::with_limits(100, 100).await;
    let server = Server::start(&place, signer);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&server.path), 0o600);
    assert_eq!(listen(&server.path, &Peers::default()).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    let path = server.path.clone();
    server.stop().await;
    assert!(std::fs::metadata(&path).unwrap().file_type().is_socket(), "as a killed process leaves it");
    let others = Peers { uids: vec![12_345] };
    drop(listen(&path, &others).unwrap());
    assert_eq!(mode(&path), 0o660);
    let file = place.path().join("file");
    std::fs::write(&file, "kept").unwrap();
    assert_eq!(listen(&file, &others).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&file).unwrap(), b"kept");
}

/// Sends bytes and gives all that comes back until the end.
async fn talk(path: &Path, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(path).await.unwrap();
    // It may be closed before all is sent; what came back is still there.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut back = Vec::new();
    let _ = stream.read_to_end(&mut back).await;
    back
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[..], body].concat()
}

fn nonsense() -> impl Strategy<Value = Vec<u8>> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..300);
    let ask = ("[a-z]{0,8}", "[0-9a-fA-Z]{0,80}", any::<u64>()).prop_map(|(what, text, id)| {
        let ask = serde_json::json!({ "id": id, "ask": { what: { "utility": text, "meter": text } } });
        framed(ask.to_string().as_bytes())
    });
    let sign = ("[a-z0-9]{0,8}", "[A-Z0-9]{0,16}", "[0-9a-f]{0,70}", "[0-9a-f]{0,300}").prop_map(
        |(utility, meter, meter_key, payload)| {
            let sign =
                serde_json::json!({ "utility": utility, "meter": meter, "meter_key": meter_key, "payload": payload });
            framed(serde_json::json!({ "id": 1, "ask": { "sign": sign } }).to_string().as_bytes())
        },
    );
    prop_oneof![bytes(), bytes().prop_map(|body| framed(&body)), ask, sign]
}

#[test]
fn nonsense_is_never_signed_and_harms_nobody() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (place, server) = runtime.block_on(async {
        let (place, signer) = Place::with_limits(100, 100).await;
        let server = Server::start(&place, signer);
        (place, server)
    });
    proptest!(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() }, |(bytes in nonsense())| {
        let back = runtime.block_on(talk(&server.path, &bytes));
        let back = String::from_utf8_lossy(&back);
        prop_assert!(!back.contains("\"token\""), "{}", back);
    });
    runtime.block_on(async {
        signs(&SocketSigner::new(&server.path), &credit(meter(1), 1, 100)).await;
        server.stop().await;
    });
    drop(place);
}
