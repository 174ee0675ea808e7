//! Prints the results as a table in Markdown.

use std::time::Duration;

/// The unit of a result.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    Milliseconds,
    Seconds,
    Megabytes,
    /// A bare number.
    Count,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Milliseconds => format!("{value:.2} ms"),
            Self::Seconds => format!("{value:.2} s"),
            Self::Megabytes => format!("{value:.1} MB"),
            Self::Count => format!("{value:.1}").trim_end_matches(".0").to_owned(),
        }
    }
}

/// A result.
pub struct Row {
    name: String,
    unit: Unit,
    /// The maximum that the median should have.
    goal: Option<f64>,
    /// The measured values, sorted.
    values: Vec<f64>,
}

impl Row {
    /// Creates a result without a goal.
    pub fn new(name: impl Into<String>, unit: Unit, mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self { name: name.into(), unit, goal: None, values }
    }

    /// Creates a result with times in milliseconds.
    pub fn milliseconds(name: impl Into<String>, values: &[Duration]) -> Self {
        let values = values.iter().map(|time| time.as_secs_f64() * 1_000.0).collect();
        Self::new(name, Unit::Milliseconds, values)
    }

    /// Creates a result with times in seconds.
    pub fn seconds(name: impl Into<String>, values: &[Duration]) -> Self {
        Self::new(name, Unit::Seconds, values.iter().map(Duration::as_secs_f64).collect())
    }

    /// Sets the goal.
    pub fn at_most(mut self, goal: f64) -> Self {
        self.goal = Some(goal);
        self
    }

    /// Returns the median.
    pub fn median(&self) -> Option<f64> {
        self.quantile(0.5)
    }

    /// Returns the value below which this share of the values is, from 0 to 1.
    fn quantile(&self, share: f64) -> Option<f64> {
        let last = self.values.len().checked_sub(1)?;
        self.values.get((last as f64 * share).round() as usize).copied()
    }

    fn line(&self) -> String {
        let show = |value: Option<f64>| value.map_or_else(String::new, |value| self.unit.show(value));
        let (median, several) = (self.median(), self.values.len() > 1);
        let met = match (self.goal, median) {
            (Some(goal), Some(median)) if median <= goal => "yes",
            (Some(_), _) => "**no**",
            (None, _) => "",
        };
        let p95 = show(self.quantile(0.95).filter(|_| several));
        let runs = self.values.len();
        format!("| {} | {} | {} | {p95} | {runs} | {met} |", self.name, show(self.goal), show(median))
    }
}

/// Prints the table.
pub fn print(rows: &[Row]) {
    println!("| | Goal, at most | Median | 95th percentile | Runs | Met |");
    println!("|---|---|---|---|---|---|");
    rows.iter().for_each(|row| println!("{}", row.line()));
}
