//! Long lists of commands in the help, in groups.

use clap::Command;
use std::fmt::Write;

/// The command, with its subcommands in these groups in the help: a group's title, and the names of what is in it. Names of
/// commands that there are not are passed over; commands in no group are shown as "Other".
pub fn grouped(command: Command, groups: &[(&str, &[&str])]) -> Command {
    let about = |command: &Command| command.get_about().map(ToString::to_string).unwrap_or_default();
    let all: Vec<(String, String)> =
        command.get_subcommands().map(|one| (one.get_name().to_owned(), about(one))).collect();
    let width = all.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let others: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    let others: Vec<&str> =
        others.into_iter().filter(|name| !groups.iter().any(|(_, names)| names.contains(name))).collect();
    let mut text = String::new();
    for (title, names) in groups.iter().copied().chain([("Other", others.as_slice())]) {
        let found: Vec<_> = names.iter().filter_map(|name| all.iter().find(|(known, _)| known == name)).collect();
        if found.is_empty() {
            continue;
        }
        // Writing to a text cannot fail.
        let _ = write!(text, "\n{title}:\n");
        for (name, about) in found {
            let _ = writeln!(text, "  {name:<width$}  {about}");
        }
    }
    command.help_template(format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{text}\nOptions:\n{{options}}"))
}
