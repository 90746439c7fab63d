use std::process::Command;

use crate::harness::{Site, skip};

#[test]
fn every_shell_gets_a_script_that_knows_every_command() {
    let site = Site::outside_git();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = site.nobody().run(["completions", shell]).expect(0);
        for command in swarmlock::cli::command().get_subcommands() {
            assert!(run.out.contains(command.get_name()), "{shell}: {}", command.get_name());
        }
        let json = site.nobody().run(["completions", shell, "--json"]).expect(0).json();
        assert_eq!(json["text"].as_str().unwrap().trim_end(), run.out.trim_end(), "{shell}");
    }
    let run = site.nobody().run(["completions", "bsh"]).expect(2);
    assert!(run.err.contains("a similar value exists: 'bash'"), "{run}");
}

#[test]
fn bash_reads_the_script_and_completes_a_command() {
    let site = Site::outside_git();
    let script = site.nobody().run(["completions", "bash"]).expect(0).out;
    let ask = "COMP_WORDS=(swarmlock acq); COMP_CWORD=1; _swarmlock swarmlock acq swarmlock; echo ${COMPREPLY[*]}";
    let Ok(output) = Command::new("bash").arg("-c").arg(format!("{script}\n{ask}")).output() else {
        return skip("bash_reads_the_script_and_completes_a_command", "no bash");
    };
    assert_eq!(String::from_utf8_lossy(&output.stdout), "acquire acquire-file-lock\n", "{output:?}");
}
