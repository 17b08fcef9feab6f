//! Commands on the serial line, one a line, for who tries the firmware out.
use mps2::Console;

/// The longest command.
const MAX_LEN: usize = 8;

/// The line that is being read.
#[derive(Default)]
pub(crate) struct Commands {
    line: [u8; MAX_LEN],
    /// More than there is room for, if it is no command.
    len: usize,
}

impl Commands {
    /// Does what has come.
    pub(crate) fn obey(&mut self, console: &mut Console) {
        while let Some(byte) = console.read() {
            if let b'\r' | b'\n' = byte {
                run(self.line.get(..self.len).unwrap_or(b"?"));
                self.len = 0;
            } else {
                if let Some(place) = self.line.get_mut(self.len) {
                    *place = byte;
                }
                self.len = self.len.saturating_add(1);
            }
        }
    }
}

fn run(command: &[u8]) {
    match command {
        b"" => {}
        b"hang" => {
            defmt::warn!("hangs, as it was told to");
            mps2::hang();
        }
        b"panic" => panic!(),
        b"stack" => defmt::info!("stack: {=usize} of {=usize} bytes", mps2::stack_used(), mps2::stack_len()),
        _ => defmt::warn!("commands are: hang, panic, stack"),
    }
}
