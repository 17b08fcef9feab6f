//! The command `top`: a table of the sessions of a running server, which is drawn anew each second.
mod fetch;
mod table;

use crate::cli::Top;
use crate::signals;
use fetch::Sessions;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::error::Error;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;
use table::Table;

/// How often the server is asked: as often as it publishes its figures.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long a key may have to wait for what else there is to do.
const LOOK: Duration = Duration::from_millis(100);

/// Shows the sessions until the user ends it.
///
/// # Errors
/// Standard output is no terminal, or nothing answers at first.
pub(crate) fn run(top: &Top) -> Result<(), Box<dyn Error>> {
    let address = top.address;
    if !io::stdout().is_terminal() {
        return Err(format!(
            "top draws on a terminal, and standard output is none; http://{address}/sessions has the same as JSON"
        )
        .into());
    }
    let first = fetch::sessions(address)?;
    let stop = signals::stop_flag()?;
    let lists = fetch_again(address)?;
    let mut terminal = ratatui::try_init()?;
    let shown = show(&mut terminal, Table::new(address, first), &lists, &stop);
    ratatui::try_restore()?;
    shown
}

/// Has another thread ask again and again, as the server may hang.
fn fetch_again(address: SocketAddr) -> io::Result<Receiver<Result<Sessions, String>>> {
    let (sender, lists) = mpsc::sync_channel(1);
    thread::Builder::new().name("fetch".into()).spawn(move || {
        loop {
            thread::sleep(INTERVAL);
            if sender.send(fetch::sessions(address)).is_err() {
                return;
            }
        }
    })?;
    Ok(lists)
}

fn show(
    terminal: &mut DefaultTerminal,
    mut table: Table,
    lists: &Receiver<Result<Sessions, String>>,
    stop: &AtomicBool,
) -> Result<(), Box<dyn Error>> {
    let mut changed = true;
    while !stop.load(Ordering::Relaxed) {
        if changed {
            // It takes the size that the terminal has now.
            terminal.draw(|frame| table.draw(frame))?;
        }
        changed = false;
        if event::poll(LOOK)? {
            changed = true;
            if let Event::Key(key) = event::read()?
                && key.kind != KeyEventKind::Release
                && !press(&mut table, key)
            {
                return Ok(());
            }
        }
        for list in lists.try_iter() {
            table.set(list);
            changed = true;
        }
    }
    Ok(())
}

/// Does what a key is for. Returns false if that is to end.
fn press(table: &mut Table, key: KeyEvent) -> bool {
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => return false,
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return false,
        KeyCode::Up => table.step(-1),
        KeyCode::Down => table.step(1),
        KeyCode::PageUp => table.step_pages(-1),
        KeyCode::PageDown => table.step_pages(1),
        KeyCode::Home => table.step(isize::MIN),
        KeyCode::End => table.step(isize::MAX),
        _ => {}
    }
    true
}
