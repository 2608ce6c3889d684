//! The phone app as a browser gets it from a station, and what it is told there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[allow(dead_code, reason = "shared with other tests")]
mod app;
mod log;

use app::{App, Script};
use coinless_station::app::{App as Served, AppConfig};
use coinless_station::config::Config;
use coinless_station::telemetry;
use log::Log;
use serde_json::{Value, json};
use std::path::Path;

const ORDER: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const ADDRESSES: [&str; 4] =
    ["/", "/m/CLS0000000017-Z", "/o/01890a5d-ac96-774b-bcce-b302099a8057", "/s/half/of-a-round"];
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; \
    media-src blob:; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; connect-src 'self'";

/// A small app, whose compressed forms can be told from the plain one.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("app/messages")).unwrap();
    let files = [
        ("index.html", "<!doctype html>plain"),
        ("index.html.br", "index in brotli"),
        ("index.html.gz", "index in gzip"),
        ("sw.js", "plain worker"),
        ("manifest.webmanifest", "{}"),
        ("app/coinless-1a2b.wasm", "plain wasm"),
        ("app/coinless-1a2b.wasm.br", "wasm in brotli"),
        ("app/messages/ar-3c4d.ftl", "hello = مرحبا"),
        (".hidden", "not for anybody"),
    ];
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn config(folder: &Path) -> Config {
    Config { app: AppConfig { folder: Some(folder.to_owned()), ..AppConfig::default() }, ..Config::default() }
}

fn header<'a>(answer: &'a reqwest::Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_address_of_the_app_opens_its_page() {
    let folder = folder();
    let app = App::of(&config(folder.path()), Script::capture()).await;
    for address in ADDRESSES {
        let answer = app.fetch(address, &[]).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "content-encoding")), (200, ""), "{address}");
        assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8");
        assert_eq!(header(&answer, "cache-control"), "no-cache");
        assert_eq!(answer.text().await.unwrap(), "<!doctype html>plain");
    }
    for (path, kind, cache) in [
        ("/sw.js", "text/javascript; charset=utf-8", "no-cache"),
        ("/manifest.webmanifest", "application/manifest+json", "no-cache"),
        ("/app/coinless-1a2b.wasm", "application/wasm", "public, max-age=31536000, immutable"),
        ("/app/messages/ar-3c4d.ftl", "text/plain; charset=utf-8", "public, max-age=31536000, immutable"),
    ] {
        let answer = app.fetch(path, &[]).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "content-type")), (200, kind), "{path}");
        assert_eq!(header(&answer, "cache-control"), cache, "{path}");
    }
    for path in ["/.hidden", "/app/", "/app/coinless-0000.wasm", "/index.html.br", "/app/..%2fsw.js"] {
        let answer = app.fetch(path, &[]).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "cache-control")), (404, "no-store"), "{path}");
        assert_eq!(header(&answer, "content-type"), "application/problem+json", "{path}");
        assert!(header(&answer, "content-security-policy").starts_with(POLICY), "{path}");
    }
    app.post("/sw.js", &json!({})).await.expect_problem(404);
    app.post("/", &json!({})).await.expect_problem(405);
    app.get("/health").await.text(200);
}

#[tokio::test]
async fn a_browser_that_is_led_nowhere_gets_the_page_that_says_so() {
    const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
    let folder = folder();
    let app = App::of(&config(folder.path()), Script::capture()).await;
    let tag = header(&app.fetch("/", &[]).await, "etag").to_owned();
    for path in ["/m/", "/m", "/o", "/s", "/m/CLS0000000017-Z/more", "/elsewhere", "/elsewhere/too"] {
        let answer = app.fetch(path, &[BROWSER, ("if-none-match", &tag)]).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "cache-control")), (404, "no-cache"), "{path}");
        assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(answer.text().await.unwrap(), "<!doctype html>plain", "{path}");
    }
    for (path, accept) in [("/m/", "*/*"), ("/v1/m/", BROWSER.1), ("/app/coinless-0000.wasm", BROWSER.1)] {
        let answer = app.fetch(path, &[("accept", accept)]).await;
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "content-type")),
            (404, "application/problem+json"),
            "{path}"
        );
    }
    let without = App::start(Script::capture()).await;
    let answer = without.fetch("/m/", &[BROWSER]).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "cache-control")), (404, "no-store"));
    assert!(answer.text().await.unwrap().contains("not installed here"));
}

#[tokio::test]
async fn the_smallest_form_that_is_taken_is_sent() {
    let folder = folder();
    let app = App::of(&config(folder.path()), Script::capture()).await;
    for (takes, coding, text) in [
        ("gzip, deflate, br, zstd", "br", "index in brotli"),
        ("GZIP;q=1.0, br;q=0", "gzip", "index in gzip"),
        ("*", "br", "index in brotli"),
        ("*;q=0.001, br;q=0.000", "gzip", "index in gzip"),
        ("identity", "", "<!doctype html>plain"),
        ("", "", "<!doctype html>plain"),
    ] {
        let answer = app.fetch("/", &[("accept-encoding", takes)]).await;
        assert_eq!(
            (header(&answer, "content-encoding"), header(&answer, "vary")),
            (coding, "accept-encoding"),
            "{takes}"
        );
        assert_eq!(answer.text().await.unwrap(), text, "{takes}");
    }
    let answer = app.fetch("/app/coinless-1a2b.wasm", &[("accept-encoding", "gzip")]).await;
    assert_eq!((header(&answer, "content-encoding"), header(&answer, "vary")), ("", "accept-encoding"));
    let answer = app.fetch("/sw.js", &[("accept-encoding", "br")]).await;
    assert_eq!((header(&answer, "content-encoding"), header(&answer, "vary")), ("", ""));
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let folder = folder();
    let app = App::of(&config(folder.path()), Script::capture()).await;
    let mut tags = Vec::new();
    for takes in ["br", "gzip", "identity"] {
        let tag = header(&app.fetch("/", &[("accept-encoding", takes)]).await, "etag").to_owned();
        for asked in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let answer = app.fetch("/", &[("accept-encoding", takes), ("if-none-match", &asked)]).await;
            assert_eq!((answer.status().as_u16(), header(&answer, "etag")), (304, tag.as_str()), "{asked}");
            assert_eq!((header(&answer, "cache-control"), header(&answer, "vary")), ("no-cache", "accept-encoding"));
            assert!(answer.bytes().await.unwrap().is_empty());
        }
        tags.push(tag);
    }
    let answer = app.fetch("/", &[("accept-encoding", "br"), ("if-none-match", &tags[1])]).await;
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "index in brotli"));
    assert!(tags[0] != tags[1] && tags[1] != tags[2]);

    std::fs::write(folder.path().join("index.html"), "<!doctype html>newer").unwrap();
    let next = App::of(&config(folder.path()), Script::capture()).await;
    let answer = next.fetch("/", &[("if-none-match", &tags[2])]).await;
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "<!doctype html>newer"));
}

#[tokio::test]
async fn a_page_may_do_what_the_app_needs_and_nothing_else() {
    let folder = folder();
    let app = App::of(&config(folder.path()), Script::capture()).await;
    for path in ["/", "/app/coinless-1a2b.wasm", "/sw.js", "/nothing"] {
        let answer = app.fetch(path, &[]).await;
        assert_eq!(header(&answer, "content-security-policy"), format!("{POLICY}; frame-ancestors 'none'"), "{path}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
        assert_eq!(header(&answer, "referrer-policy"), "no-referrer");
        assert_eq!(header(&answer, "cross-origin-opener-policy"), "same-origin");
        let permitted = header(&answer, "permissions-policy");
        for device in ["camera=(self)", "bluetooth=(self)", "serial=(self)", "geolocation=()", "microphone=()"] {
            assert!(permitted.contains(device), "{permitted}");
        }
    }
    let mut config = config(folder.path());
    let meters = [("CLS0000000017", "ws://127.0.0.1:7101"), ("CLS0000000025", "wss://meters.example/2")];
    config.app.websocket_meters = meters.map(|(meter, url)| (meter.to_owned(), url.to_owned())).into();
    config.app.may_be_framed_by = vec!["http://127.0.0.1:7000".to_owned(), "http://localhost:7000".to_owned()];
    let app = App::of(&config, Script::capture()).await;
    let expected = format!(
        "{POLICY} ws://127.0.0.1:7101 wss://meters.example/2; frame-ancestors http://127.0.0.1:7000 http://localhost:7000"
    );
    assert_eq!(header(&app.fetch("/", &[]).await, "content-security-policy"), expected);
    assert_eq!(app.get("/v1/app").await.expect(200)["websocket_meters"], json!(config.app.websocket_meters));
}

#[tokio::test]
async fn answers_of_the_api_are_kept_nowhere() {
    let app = App::start(Script::capture()).await;
    app.put(ORDER, &json!({ "lines": [{ "meter": "CLS0000000017-Z", "amount": "5" }] })).await.expect(201);
    for path in ["/v1/app", "/v1/meters/CLS0000000017-Z", "/v1/orders/nobody", "/v1/nothing", "/v1/issuer"] {
        let answer = app.fetch(path, &[]).await;
        assert_eq!(header(&answer, "cache-control"), "no-store", "{path}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{path}");
    }
    for path in [format!("/v1/orders/{ORDER}"), format!("/v1/orders/{ORDER}/events")] {
        let answer = app.fetch(&path, &[]).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "cache-control")), (200, "no-store"), "{path}");
    }
}

#[tokio::test]
async fn without_an_app_an_address_says_what_it_is() {
    let mut config = Config::default();
    config.utilities[0].brand = Some("Wasser & <Söhne>".to_owned());
    let app = App::of(&config, Script::capture()).await;
    for address in ADDRESSES {
        let answer = app.fetch(address, &[]).await;
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "content-type"), header(&answer, "cache-control")),
            (200, "text/html; charset=utf-8", "no-store"),
        );
        assert_eq!(header(&answer, "content-security-policy"), format!("{POLICY}; frame-ancestors 'none'"));
        let page = answer.text().await.unwrap();
        assert!(page.contains("<h1>Wasser &amp; &lt;Söhne&gt;</h1>"), "{page}");
        assert!(page.contains("not installed here") && page.contains("cargo xtask app"), "{page}");
        assert!(!page.contains("CLS0000000017") && !page.contains(ORDER), "{page}");
    }
    for path in ["/app/coinless-1a2b.wasm", "/sw.js", "/manifest.webmanifest"] {
        app.get(path).await.expect_problem(404);
    }
}

#[tokio::test]
async fn the_app_is_told_who_sells_and_how_to_pay() {
    let app = App::start(Script::capture()).await;
    let expected = json!({ "name": "Sample Utility", "currency": "EUR",
        "providers": [{ "name": "test", "payer": "none", "hint": null }], "websocket_meters": {} });
    assert_eq!(app.get("/v1/app").await.expect(200), expected);

    let mut config = Config::default();
    config.utilities.push(config.utilities[0].clone());
    config.utilities[1].name = "water-works".to_owned();
    let several: Value = App::of(&config, Script::capture()).await.get("/v1/app").await.expect(200);
    assert_eq!((&several["name"], &several["currency"]), (&json!("Coinless"), &json!("EUR")));
    config.utilities[1].currency = coinless_station::money::Currency::from_code("KES").unwrap();
    config.app.name = Some("House of Meters".to_owned());
    let several: Value = App::of(&config, Script::capture()).await.get("/v1/app").await.expect(200);
    assert_eq!((&several["name"], &several["currency"]), (&json!("House of Meters"), &Value::Null));
}

#[test]
fn a_folder_that_holds_no_app_is_refused() {
    let refused = |folder: &Path| {
        Served::open(&AppConfig { folder: Some(folder.to_owned()), ..AppConfig::default() }).unwrap_err().to_string()
    };
    let app = folder();
    let at = |name: &str| app.path().join(name);
    for (folder, why) in
        [(at("missing"), "is no folder"), (at("index.html"), "is no folder"), (at("app"), "no index.html")]
    {
        let words = refused(&folder);
        assert!(words.contains(why) && words.contains("cargo xtask app"), "{words}");
    }
    std::fs::write(at("app/lost-5e6f.js.br"), "").unwrap();
    assert!(refused(app.path()).contains("app/lost-5e6f.js.br without app/lost-5e6f.js"));
    std::fs::remove_file(at("app/lost-5e6f.js.br")).unwrap();
    std::fs::write(at("app/a b.js"), "").unwrap();
    assert!(refused(app.path()).contains("has a name"));
    std::fs::remove_file(at("app/a b.js")).unwrap();
    let large = std::fs::File::create(at("app/large-7a8b.bin")).unwrap();
    large.set_len(32 * 1024 * 1024).unwrap();
    assert!(refused(app.path()).contains("at most 32 MiB"));
    large.set_len(0).unwrap();
    std::fs::create_dir_all(at("app/a/b/c/d")).unwrap();
    assert!(refused(app.path()).contains("too deep"));
    std::fs::remove_dir_all(at("app/a")).unwrap();
    for number in 0..1024 {
        std::fs::write(at(&format!("app/{number}.js")), "").unwrap();
    }
    assert!(refused(app.path()).contains("at most 1024"));
}

#[test]
fn a_configuration_that_would_open_the_app_to_others_is_refused() {
    let read = |text: &str| {
        let config: Config = toml::from_str(text).unwrap();
        Served::open(&config.app).map(|_| ()).map_err(|error| error.to_string())
    };
    let meter = |line: &str| read(&format!("utilities = []\n[app.websocket_meters]\n{line}\n"));
    assert_eq!(meter("CLS0000000017 = \"ws://127.0.0.1:7101\""), Ok(()));
    assert!(meter("cls-17 = \"ws://127.0.0.1:7101\"").is_err());
    for url in ["http://127.0.0.1:7101", "ws://*", "ws://a; script-src *", "wss://user@a"] {
        let words = meter(&format!("CLS0000000017 = \"{url}\"")).unwrap_err();
        assert!(words.contains("app.websocket_meters") && words.contains("ws://host:port"), "{words}");
    }
    assert_eq!(read("[app]\nmay_be_framed_by = [\"http://127.0.0.1:7000\"]"), Ok(()));
    assert!(read("[app]\nmay_be_framed_by = [\"*\"]").unwrap_err().contains("http://host:port"));
    let many: Vec<_> = (0..257).map(|number| format!("CLS{number:010} = \"ws://a\"")).collect();
    assert!(meter(&many.join("\n")).unwrap_err().contains("more than 256"));
}

#[tokio::test]
async fn no_address_of_the_app_gets_into_the_log() {
    let log = Log::capture();
    let folder = folder();
    let app = App::of(&config(folder.path()), Script::capture()).await;
    let missed = format!("/{ORDER}");
    for path in ADDRESSES.into_iter().chain(["/app/of-a-round", "/nothing/of-a-round", missed.as_str()]) {
        app.fetch(path, &[]).await;
    }
    log.holds_none(&[ORDER, "of-a-round", "CLS0000000017-Z"]);
    let text = log.text();
    for route in ["/o/{id}", "/s/{*rest}", "/m/{label}", &telemetry::subject_hash(ORDER)] {
        assert!(text.contains(route), "{route} is not in\n{text}");
    }
}
