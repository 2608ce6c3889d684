//! `coinless`: station, meter, phone and demo in one command.

mod demo;
mod help;
mod meter;
mod output;
mod phone;
mod station;
mod utility;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::process::ExitCode;

/// Prepayment for meters that have no network of their own.
#[derive(Parser)]
#[command(name = "coinless", version, about)]
struct Arguments {
    /// Print exactly one JSON object per result on standard output.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The station: sells credit and issues tokens.
    #[command(subcommand)]
    Station(station::Command),
    /// A simulated meter.
    #[command(subcommand)]
    Meter(meter::Command),
    /// A phone on the command line.
    #[command(subcommand)]
    Phone(phone::Command),
    /// A sandbox utility: a sales system over HTTP that sells nothing real, and behaves badly on demand.
    Utility(utility::Options),
    /// A station and meters on this machine, to try everything.
    Demo(demo::Options),
}

fn main() -> ExitCode {
    let command = Arguments::command().mut_subcommand("station", |station| help::grouped(station, station::GROUPS));
    let arguments = Arguments::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit());
    let output = output::Output::new(arguments.json);
    let result = match arguments.command {
        Command::Station(command) => station::run(command, &output),
        Command::Meter(command) => meter::run(command, &output),
        Command::Phone(command) => phone::run(command, &output),
        Command::Utility(options) => utility::run(&options, &output),
        Command::Demo(options) => demo::run(&options, &output),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("coinless: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_shows_every_command_of_the_station() {
        let station = Arguments::command().find_subcommand("station").unwrap().clone();
        let names: Vec<String> = station.get_subcommands().map(|command| command.get_name().to_owned()).collect();
        let shown = help::grouped(station, station::GROUPS).render_help().to_string();
        for name in names {
            let lines = shown.lines().filter(|line| line.split_whitespace().next() == Some(&name)).count();
            assert_eq!(lines, 1, "{name} in\n{shown}");
        }
        assert!(!shown.contains("Other:"), "put it into a group:\n{shown}");
    }
}
