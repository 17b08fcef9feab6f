//! The table of `top`: what is in it, and how it is drawn.
use super::fetch::{Session, Sessions};
use pinhole::text::Count;
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{self, Cell, Paragraph, Row, TableState};
use std::net::SocketAddr;

/// The sessions, and the one that is selected.
pub(super) struct Table {
    address: SocketAddr,
    sessions: Sessions,
    /// Why the newest list is missing; `None` if it is there.
    trouble: Option<String>,
    state: TableState,
    /// How many sessions fit the terminal.
    page: usize,
}

/// A column: its title, its width, whether it is for numbers, and what is in it.
type Column = (&'static str, Constraint, bool, fn(&Session) -> String);

/// From which width of the terminal on there is room for jitter and user, and for the session, too.
const WIDTHS: (u16, u16) = (100, 130);

/// What 80 columns have room for.
const FEW: &[Column] = &[
    ("MEDIUM", Constraint::Fill(1), false, medium),
    ("PEER", Constraint::Length(21), false, |session| session.peer.clone()),
    ("BY", Constraint::Length(4), false, |session| session.transport.clone()),
    ("FRAMES", Constraint::Length(7), true, |session| session.frames.to_string()),
    ("SKIP", Constraint::Length(5), true, |session| session.skipped.to_string()),
    ("RATE", Constraint::Length(9), true, |session| rate(session.bytes_per_second)),
    ("LOSS", Constraint::Length(6), true, loss),
    ("AGE", Constraint::Length(7), true, |session| age(session.seconds)),
];

const JITTER: Column = ("JITTER", Constraint::Length(9), true, jitter);
const USER: Column = ("USER", Constraint::Length(12), false, |session| session.user.clone());
const SESSION: Column = ("SESSION", Constraint::Length(16), false, |session| session.id.clone());

impl Table {
    pub(super) fn new(address: SocketAddr, sessions: Sessions) -> Self {
        let state = TableState::default().with_selected(0);
        Self { address, sessions, trouble: None, state, page: 1 }
    }

    /// Takes the newest list, or why there is none.
    pub(super) fn set(&mut self, list: Result<Sessions, String>) {
        match list {
            Ok(sessions) => {
                self.keep_selected(&sessions);
                (self.sessions, self.trouble) = (sessions, None);
            }
            Err(error) => self.trouble = Some(error),
        }
    }

    /// Selects the session that was selected, wherever it is in the next list.
    fn keep_selected(&mut self, next: &Sessions) {
        let selected = self.state.selected().unwrap_or_default();
        let key = |session: &Session| (session.id.clone(), session.peer.clone(), session.medium.clone());
        let known = self.sessions.listed.get(selected).map(key);
        // The first one stays the first one: most people want to see those that are sent the most.
        let found = known
            .filter(|_| selected > 0)
            .and_then(|known| next.listed.iter().position(|session| key(session) == known));
        let last = next.listed.len().saturating_sub(1);
        self.state.select(Some(found.unwrap_or(selected).min(last)));
    }

    /// Selects the session so many lines below.
    pub(super) fn step(&mut self, lines: isize) {
        let last = self.sessions.listed.len().saturating_sub(1);
        let selected = self.state.selected().unwrap_or_default();
        self.state.select(Some(selected.saturating_add_signed(lines).min(last)));
    }

    /// Selects the session so many pages below.
    pub(super) fn step_pages(&mut self, pages: isize) {
        self.step(pages.saturating_mul(isize::try_from(self.page).unwrap_or(isize::MAX)));
    }

    pub(super) fn draw(&mut self, frame: &mut Frame<'_>) {
        let [head, body, foot] =
            Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)])
                .areas(frame.area());
        frame.render_widget(self.head(), head);
        self.draw_body(frame, body);
        frame.render_widget(self.foot(), foot);
    }

    fn head(&self) -> Paragraph<'static> {
        let Sessions { listed, more } = &self.sessions;
        let count = Count(listed.len() as u64 + more, "session", "sessions");
        let bytes = listed.iter().fold(0_u64, |sum, session| sum.saturating_add(session.bytes_per_second));
        let text = format!("pinhole-server at {}: {count}, {}", self.address, rate(bytes));
        Paragraph::new(text).style(Style::new().add_modifier(Modifier::BOLD))
    }

    fn foot(&self) -> Paragraph<'static> {
        let style = Style::new();
        match &self.trouble {
            Some(trouble) => Paragraph::new(trouble.clone()).style(style.add_modifier(Modifier::REVERSED)),
            None if self.sessions.more > 0 => {
                Paragraph::new(format!("q quit  arrows move   and {} more", self.sessions.more))
            }
            None => Paragraph::new("q quit  arrows move"),
        }
    }

    fn draw_body(&mut self, frame: &mut Frame<'_>, area: Rect) {
        self.page = usize::from(area.height.saturating_sub(1)).max(1);
        if self.sessions.listed.is_empty() {
            return frame.render_widget(Paragraph::new("nobody is sent anything now"), area);
        }
        let columns = columns(area.width);
        let title = |(title, _, number, _): &Column| Cell::from(aligned((*title).to_owned(), *number));
        let titles = Row::new(columns.iter().map(title)).style(Style::new().add_modifier(Modifier::REVERSED));
        let row = |session: &Session| {
            Row::new(columns.iter().map(|(_, _, number, cell)| Cell::from(aligned(cell(session), *number))))
        };
        let rows: Vec<_> = self.sessions.listed.iter().map(row).collect();
        let table = widgets::Table::new(rows, columns.iter().map(|(_, width, ..)| *width))
            .header(titles)
            .row_highlight_style(Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED));
        frame.render_stateful_widget(table, area, &mut self.state);
    }
}

/// Returns the columns that a terminal has room for.
fn columns(width: u16) -> Vec<Column> {
    let mut columns = FEW.to_vec();
    if width >= WIDTHS.0 {
        columns.extend([JITTER, USER]);
    }
    if width >= WIDTHS.1 {
        columns.push(SESSION);
    }
    columns
}

fn aligned(text: String, number: bool) -> Text<'static> {
    let alignment = if number { Alignment::Right } else { Alignment::Left };
    Text::from(Line::from(text)).alignment(alignment)
}

fn medium(session: &Session) -> String {
    format!("/{}", session.medium)
}

/// Returns a rate in bits a second.
fn rate(bytes: u64) -> String {
    let bits = bytes.saturating_mul(8) as f64;
    match bits {
        bits if bits >= 1e9 => format!("{:.2} Gb/s", bits / 1e9),
        bits if bits >= 1e6 => format!("{:.1} Mb/s", bits / 1e6),
        bits => format!("{:.0} kb/s", bits / 1e3),
    }
}

fn loss(session: &Session) -> String {
    let Some(lost) = session.lost else { return String::new() };
    let percent = 100.0 * lost.max(0) as f64 / session.packets.max(1) as f64;
    format!("{:.1} %", percent.min(100.0))
}

fn jitter(session: &Session) -> String {
    session.jitter_ms.map_or_else(String::new, |jitter| format!("{jitter:.1} ms"))
}

fn age(seconds: f64) -> String {
    let seconds = seconds as u64;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{rest:02}") } else { format!("{minutes}:{rest:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn session(n: u64) -> Session {
        Session {
            id: format!("{n:016X}"),
            peer: format!("192.168.100.200:{}", 50_000 + n),
            user: "anna".into(),
            medium: format!("cams/front{n}"),
            transport: "udp".into(),
            frames: 1000 * n,
            skipped: n,
            bytes_per_second: 4_875_000,
            packets: 1000,
            lost: Some(15),
            jitter_ms: Some(1.25),
            seconds: 3661.0,
        }
    }

    fn table(count: u64) -> Table {
        let listed = (0..count).map(session).collect();
        Table::new(([127, 0, 0, 1], 9554).into(), Sessions { listed, more: 0 })
    }

    /// Returns the lines that a terminal of a size shows.
    fn drawn(table: &mut Table, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| table.draw(frame)).unwrap();
        let cells = terminal.backend().buffer().content().chunks(usize::from(width).max(1));
        cells
            .map(|line| line.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned())
            .collect()
    }

    #[test]
    fn eighty_columns_have_what_matters() {
        let lines = drawn(&mut table(30), 80, 24);
        assert_eq!(lines[0], "pinhole-server at 127.0.0.1:9554: 30 sessions, 1.17 Gb/s");
        assert!(lines[1].starts_with("MEDIUM ") && lines[1].contains(" RATE") && lines[1].ends_with(" AGE"));
        assert!(
            lines[2].starts_with("/cams/fron") && lines[2].contains("192.168.100.200:50000"),
            "{}",
            lines[2]
        );
        assert!(lines[2].ends_with("1.5 % 1:01:01") && lines[2].contains("39.0 Mb/s"), "{}", lines[2]);
        assert!(lines[22].contains(":50020") && lines[23].starts_with("q quit"));
        let wide = drawn(&mut table(1), 140, 24);
        assert!(wide[1].contains("JITTER") && wide[2].ends_with("0000000000000000"), "{}", wide[2]);
    }

    #[test]
    fn any_size_can_be_drawn() {
        for (width, height) in [(0, 0), (1, 1), (10, 2), (40, 3), (500, 200)] {
            drawn(&mut table(3), width, height);
            drawn(&mut table(0), width, height);
        }
    }

    #[test]
    fn the_selection_moves_and_stays_with_its_session() {
        let mut table = table(30);
        drawn(&mut table, 80, 24);
        table.step(3);
        table.set(Ok(Sessions { listed: (0..30).rev().map(session).collect(), more: 0 }));
        assert_eq!(table.state.selected(), Some(26));
        table.step_pages(1);
        assert_eq!(table.state.selected(), Some(29));
        assert!(drawn(&mut table, 80, 24)[22].contains(":50000"), "it is seen");
        table.step(isize::MIN);
        assert_eq!(table.state.selected(), Some(0));
        table.set(Ok(Sessions::default()));
        table.step(1);
        assert!(drawn(&mut table, 80, 24)[1].starts_with("nobody"));
    }

    #[test]
    fn a_server_that_is_gone_is_told_of_beside_what_was_there() {
        let mut table = table(2);
        table.set(Err("no admin port answers".into()));
        let lines = drawn(&mut table, 80, 24);
        assert!(lines[23].starts_with("no admin port answers") && lines[3].contains(":50001"), "{lines:?}");
        table.set(Ok(Sessions { listed: vec![session(0)], more: 7 }));
        let lines = drawn(&mut table, 80, 24);
        assert!(lines[0].contains("8 sessions") && lines[23].ends_with("and 7 more"), "{lines:?}");
    }
}
