//! What a person sees: lines that stay, and a picture below them that is drawn anew.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};

use crate::args::Args;

/// Wider lines are hard to read, however wide the terminal.
const WIDEST: usize = 100;
/// How much further in a command's next line begins.
const HANGING: usize = 4;
/// Narrower, and a timeline says nothing.
const NARROWEST: usize = 60;

/// How things may be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// With colours.
    pub colour: bool,
    /// With a part that is drawn over.
    pub live: bool,
    /// Columns.
    pub width: usize,
}

impl Style {
    /// What the command line, the environment and standard output allow.
    pub fn of(args: &Args) -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let live = !args.plain && !is_dumb && io::stdout().is_terminal();
        let width = terminal_size::terminal_size().map_or(WIDEST, |(width, _)| width.0.into());
        Self {
            colour: live && !is_set("NO_COLOR"),
            live,
            width: if live {
                width.clamp(NARROWEST, WIDEST)
            } else {
                WIDEST
            },
        }
    }
}

/// What a piece of text is, not how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it comes.
    Plain,
    /// The title of an act.
    Title,
    /// What a person would type.
    Command,
    /// Why, and what happens.
    Aside,
    /// It is as it should be.
    Good,
    /// It is not.
    Bad,
    /// Worth a look, neither good nor bad.
    News,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Title => "1",
            Self::Command => "36",
            Self::Aside => "2",
            Self::Good => "32",
            Self::Bad => "1;31",
            Self::News => "33",
        }
    }
}

/// Pieces of one line.
pub type Line = Vec<(Tone, String)>;

/// Where it is all said.
pub struct Screen<'a> {
    out: &'a mut dyn Write,
    style: Style,
    /// Lines of the part that is drawn over.
    drawn: usize,
    failed: Option<io::Error>,
}

impl std::fmt::Debug for Screen<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen")
            .field("style", &self.style)
            .finish_non_exhaustive()
    }
}

impl<'a> Screen<'a> {
    /// Says it there, in that style.
    pub fn new(out: &'a mut dyn Write, style: Style) -> Self {
        Self {
            out,
            style,
            drawn: 0,
            failed: None,
        }
    }

    /// How things may be said.
    pub fn style(&self) -> Style {
        self.style
    }

    /// A line that stays; one that is too long goes on in the next, below its first word.
    pub fn say(&mut self, indent: usize, tone: Tone, text: &str) {
        // A command goes on further in: else its second line looks like another one.
        let further = if tone == Tone::Command { HANGING } else { 0 };
        let width = self.style.width.saturating_sub(indent + further);
        for (at, line) in wrapped(text, width).into_iter().enumerate() {
            let indent = if at == 0 { indent } else { indent + further };
            self.line(&vec![(Tone::Plain, " ".repeat(indent)), (tone, line)]);
        }
    }

    /// A line that stays.
    pub fn line(&mut self, line: &Line) {
        let text = self.erased() + &self.painted(line) + "\n";
        self.write(&text);
    }

    /// Draws the live part anew. Where nothing can be drawn over, nothing is.
    pub fn draw(&mut self, lines: &[Line]) {
        if !self.style.live {
            return;
        }
        let mut text = self.erased();
        for line in lines {
            text += &self.painted(line);
            text.push('\n');
        }
        self.drawn = lines.len();
        self.write(&text);
    }

    /// Takes the live part away.
    pub fn clear(&mut self) {
        let text = self.erased();
        self.write(&text);
    }

    /// What went wrong with the writing, if anything but a reader that went away.
    pub fn end(self) -> io::Result<()> {
        self.failed.map_or(Ok(()), Err)
    }

    fn erased(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\x1b[J"),
        }
    }

    fn painted(&self, line: &Line) -> String {
        let mut left = self.style.width;
        let mut text = String::new();
        for (tone, piece) in line {
            let piece: String = if self.style.live {
                // One that is broken by the terminal would be counted wrong.
                piece.chars().take(left).collect()
            } else {
                piece.clone()
            };
            left -= piece.chars().count().min(left);
            let code = tone.code();
            if self.style.colour && !code.is_empty() {
                // Writing to a text does not fail.
                let _ = write!(text, "\x1b[{code}m{piece}\x1b[0m");
            } else {
                text += &piece;
            }
        }
        let kept = text.trim_end().len();
        text.truncate(kept);
        text
    }

    fn write(&mut self, text: &str) {
        if self.failed.is_some() || text.is_empty() {
            return;
        }
        let written = self.out.write_all(text.as_bytes());
        match written.and_then(|()| self.out.flush()) {
            // `| head`: the play goes on, unseen, to its exit code.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) => self.failed = Some(error),
            Ok(()) => {}
        }
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(style: Style, act: impl FnOnce(&mut Screen<'_>)) -> String {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, style);
        act(&mut screen);
        screen.end().expect("written");
        String::from_utf8(out).expect("text")
    }

    const PLAIN: Style = Style {
        colour: false,
        live: false,
        width: 60,
    };

    #[test]
    fn without_a_terminal_there_is_neither_colour_nor_drawing() {
        let text = shown(PLAIN, |screen| {
            screen.draw(&[vec![(Tone::Good, "a picture".into())]]);
            screen.say(2, Tone::Bad, "no");
        });
        assert_eq!(text, "  no\n");
    }

    #[test]
    fn a_line_that_stays_takes_the_place_of_the_picture() {
        let live = Style {
            live: true,
            ..PLAIN
        };
        let text = shown(live, |screen| {
            screen.draw(&[vec![(Tone::Good, "one".into())], vec![]]);
            screen.say(0, Tone::Plain, "stays");
            screen.draw(&[]);
        });
        assert_eq!(text, "one\n\n\x1b[2A\x1b[Jstays\n");
    }

    #[test]
    fn long_texts_go_on_below_their_first_word() {
        let text = shown(PLAIN, |screen| {
            screen.say(4, Tone::Aside, &"word ".repeat(20));
        });
        assert!(text.lines().all(|line| line.len() <= 60), "{text}");
        assert!(text.lines().all(|line| line.starts_with("    word")));
    }
}
