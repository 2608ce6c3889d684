//! The phone app's folder, as it is given to the command.

use crate::setting::{complaint, desk};
use std::path::Path;

fn run(desk: &coinless_sim::desk::Desk, folder: &Path) -> std::process::Command {
    let mut command = desk.command(&["station", "run", "--listen", "127.0.0.1:0"]);
    command.arg("--data").arg(desk.path("station")).arg("--app").arg(folder);
    command
}

#[test]
fn a_station_serves_the_app_that_it_is_given_and_no_half_of_one() {
    let (desk, _folder) = desk();
    let app = desk.path("dist");
    std::fs::create_dir(&app).unwrap();
    let said = complaint(desk.run_command(run(&desk, &app)));
    assert!(said.contains("holds no index.html") && said.contains("cargo xtask app"), "{said}");

    std::fs::write(app.join("index.html"), "<!doctype html><title>the app</title>").unwrap();
    let station = desk.start_station("127.0.0.1:0", &["--app", app.to_str().unwrap()]).unwrap();
    let http = coinless_station::net::http_client(std::time::Duration::from_secs(60)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let page = runtime.block_on(async {
        http.get(format!("{}/m/CLS0000000017-Z", station.address())).send().await.unwrap().text().await.unwrap()
    });
    assert_eq!(page, "<!doctype html><title>the app</title>");

    let configured = desk.path("station").join("station.toml");
    std::fs::write(&configured, format!("[app]\nfolder = {:?}\n", desk.path("nowhere"))).unwrap();
    let mut check = desk.command(&["station", "check"]);
    check.arg("--data").arg(desk.path("station"));
    let said = match desk.run_command(check) {
        Err(coinless_sim::desk::DeskError::Failed { message, .. }) => message,
        other => panic!("this should have failed: {other:?}"),
    };
    assert!(said.contains("nowhere is no folder"), "{said}");
}
