//! What the demo prints: chapters, lines and checks.

use std::time::Instant;

/// Prints a story and counts the checks that did not hold.
pub struct Transcript {
    began: Instant,
    failed: usize,
    held: usize,
}

#[expect(clippy::print_stdout, reason = "printing is what it is for")]
impl Transcript {
    pub fn new() -> Self {
        Self { began: Instant::now(), failed: 0, held: 0 }
    }

    pub fn title(&self, text: &str) {
        println!("{text}\n{}", "=".repeat(text.len()));
    }

    pub fn chapter(&self, text: &str) {
        println!("\n── {text} {}", "─".repeat(90usize.saturating_sub(text.chars().count())));
    }

    pub fn say(&self, text: &str) {
        println!("   {text}");
    }

    /// A step of longer work, with the time it came at.
    pub fn progress(&self, text: &str) {
        println!("   [{:5.1} s] {text}", self.began.elapsed().as_secs_f32());
    }

    /// Something that must hold.
    pub fn check(&mut self, holds: bool, text: &str) {
        if holds {
            self.held += 1;
            println!(" ✓ {text}");
        } else {
            self.failed += 1;
            println!(" ✗ {text}");
        }
    }

    /// Sums up; whether everything held.
    pub fn verdict(&self) -> bool {
        println!("\n{} checks held, {} did not ({:.1} s)", self.held, self.failed, self.began.elapsed().as_secs_f32());
        self.failed == 0
    }
}
