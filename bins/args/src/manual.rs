//! What a package installs beside a program: completions for shells, and man pages.
use clap::{Command, Subcommand};
use clap_complete::Shell;
use clap_mangen::Man;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Commands that every program has.
#[derive(Clone, Debug, Subcommand)]
pub enum Manual {
    /// Print the completions for a shell, which belong where it looks for them
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the man page
    Man {
        /// Write the pages of the program and of its commands to this directory instead
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
    },
}

impl Manual {
    /// Prints what was asked for to standard output, or writes the man pages. `command` is the program's
    /// command line. It is no error if the reader of standard output has left.
    ///
    /// # Errors
    /// Standard output or the directory cannot be written. The text names the directory.
    pub fn run(&self, command: Command) -> Result<(), String> {
        let text = match self {
            Self::Completions { shell } => Ok(completions(*shell, command)),
            Self::Man { directory: None } => page(command),
            Self::Man { directory: Some(directory) } => {
                return pages(command, directory)
                    .map_err(|error| format!("{}: {error}", directory.display()));
            }
        };
        let mut out = io::stdout().lock();
        match text.and_then(|text| out.write_all(&text).and_then(|()| out.flush())) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(format!("standard output cannot be written: {error}"))
            }
            _ => Ok(()),
        }
    }
}

fn completions(shell: Shell, mut command: Command) -> Vec<u8> {
    let name = command.get_name().to_owned();
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut text);
    text
}

fn page(command: Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    Man::new(command).render(&mut text)?;
    Ok(text)
}

fn pages(command: Command, directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    clap_mangen::generate_to(command, directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser, ValueEnum};

    #[derive(Debug, Parser)]
    #[command(name = "program", version)]
    struct Cli {
        /// How much.
        #[arg(long)]
        much: Option<u32>,
        #[command(subcommand)]
        manual: Manual,
    }

    #[test]
    fn every_shell_has_completions() {
        for shell in Shell::value_variants() {
            let text = String::from_utf8(completions(*shell, Cli::command())).unwrap();
            assert!(text.contains("program") && text.contains("much"), "{shell}: {text}");
        }
    }

    #[test]
    fn each_command_has_a_man_page() {
        let page = String::from_utf8(page(Cli::command()).unwrap()).unwrap();
        assert!(page.contains(".TH program 1") && page.contains("How much"), "{page}");
        let directory = std::env::temp_dir().join(format!("pinhole-man-{}", std::process::id()));
        pages(Cli::command(), &directory.join("man1")).unwrap();
        for name in ["program.1", "program-man.1", "program-completions.1"] {
            assert!(directory.join("man1").join(name).is_file(), "{name}");
        }
        std::fs::remove_dir_all(directory).unwrap();
    }
}
