//! Whether anything is wrong, and where: the judgement that the overview begins with, of what `GET …/status` says.

use serde_json::Value;

use super::api;
use super::components::Tone;

/// Something that someone should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// How bad it is.
    pub tone: Tone,
    /// What, in a sentence.
    pub text: String,
}

/// Everything that is wrong, the worst first.
pub fn troubles(status: &Value) -> Vec<Trouble> {
    let found = [
        readiness(status),
        certificate(status),
        answers(status),
        actions(status),
    ];
    let mut found: Vec<_> = found.into_iter().flatten().collect();
    found.sort_by_key(|trouble| trouble.tone != Tone::Bad);
    found
}

/// All of it in one sentence.
pub fn in_short(status: &Value, troubles: &[Trouble]) -> Trouble {
    let of = |tone, text: &str| Trouble {
        tone,
        text: text.to_owned(),
    };
    if !is_ready(status) {
        return of(Tone::Bad, "Devices cannot report");
    }
    match troubles.first() {
        None => of(Tone::Good, "All is well: reports are taken"),
        Some(worst) => of(worst.tone, "Reports are taken, but something needs a look"),
    }
}

fn is_ready(status: &Value) -> bool {
    status.pointer("/ready") == Some(&Value::Bool(true))
}

fn readiness(status: &Value) -> Option<Trouble> {
    let reason = api::text(status, "/reason");
    (!is_ready(status)).then(|| Trouble {
        tone: Tone::Bad,
        text: format!("No report is taken: {reason}."),
    })
}

fn certificate(status: &Value) -> Option<Trouble> {
    let days = api::number(status, "/certificate/days_left");
    let ends = super::components::time(api::text(status, "/certificate/end_time"));
    (days < SOON_DAYS).then(|| Trouble {
        tone: if days < 1 { Tone::Bad } else { Tone::Warning },
        text: format!("The certificate ends {ends} UTC, in {days} days: devices then refuse to connect."),
    })
}

/// Failures are the server's, and each counts; refusals are the devices', and count once they are many.
fn answers(status: &Value) -> Option<Trouble> {
    let hour = Answers::of_hour(status);
    if hour.failed > 0 {
        let text = format!(
            "{} answered that the server failed or had no room in the last hour.",
            counted(hour.failed, "request was", "requests were")
        );
        return Some(Trouble {
            tone: Tone::Warning,
            text,
        });
    }
    let many = hour.refused >= MANY && hour.refused * ONE_OF >= hour.refused + hour.accepted;
    many.then(|| Trouble {
        tone: Tone::Warning,
        text: format!(
            "{} of {} requests were refused in the last hour: devices send what does not fit.",
            hour.refused,
            hour.refused + hour.accepted
        ),
    })
}

fn actions(status: &Value) -> Option<Trouble> {
    let state = |name: &str| api::number(status, &format!("/actions/by_state/{name}"));
    let (refused, retrying) = (state("refused"), state("retrying"));
    let text = match (refused, retrying) {
        (0, 0) => return None,
        (0, _) => format!(
            "{} not reach its target and tries again.",
            counted(retrying, "action does", "actions do")
        ),
        _ => format!(
            "{} refused by the target; {retrying} more try again.",
            counted(refused, "action is", "actions are")
        ),
    };
    Some(Trouble {
        tone: if refused > 0 { Tone::Bad } else { Tone::Warning },
        text,
    })
}

fn counted(number: i64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// What devices were answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// With 200.
    pub accepted: i64,
    /// For a fault of theirs.
    pub refused: i64,
    /// For a fault of the server's.
    pub failed: i64,
}

impl Answers {
    /// All of the last hour.
    pub fn of_hour(status: &Value) -> Self {
        Self::sum(api::list(status, "/rates/steps"))
    }

    /// Those of some steps.
    pub fn sum(steps: &[Value]) -> Self {
        let sum = |name: &str| steps.iter().map(|step| api::number(step, name)).sum();
        Self {
            accepted: sum("/accepted"),
            refused: sum("/refused"),
            failed: sum("/failed"),
        }
    }
}

/// A certificate that ends before is told of.
const SOON_DAYS: i64 = 30;

/// Fewer refusals are not told of, nor those that are less than one in so many.
const MANY: i64 = 10;
const ONE_OF: i64 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(more: &Value) -> Value {
        let mut whole = json!({
            "ready": true,
            "certificate": {"end_time": "2027-11-24T00:00:00.000Z", "days_left": 365},
            "actions": {"by_state": {"healthy": 2}},
            "rates": {"steps": [{"accepted": 90, "refused": 9, "failed": 0}]},
        });
        for (name, value) in more.as_object().unwrap() {
            whole[name] = value.clone();
        }
        whole
    }

    fn judged(more: &Value) -> (Tone, Vec<(Tone, String)>) {
        let status = status(more);
        let found = troubles(&status);
        let tone = in_short(&status, &found).tone;
        (
            tone,
            found
                .into_iter()
                .map(|trouble| (trouble.tone, trouble.text))
                .collect(),
        )
    }

    #[test]
    fn where_nothing_is_wrong_all_is_well() {
        assert_eq!(judged(&json!({})), (Tone::Good, vec![]));
    }

    #[test]
    fn each_trouble_is_told_and_the_worst_comes_first() {
        let rates = json!({"steps": [{"accepted": 90, "refused": 10, "failed": 0}]});
        for (more, tone, part) in [
            (
                json!({"ready": false, "reason": "the disk is full"}),
                Tone::Bad,
                "the disk is full",
            ),
            (
                json!({"certificate": {"days_left": 29}}),
                Tone::Warning,
                "in 29 days",
            ),
            (json!({"certificate": {"days_left": 0}}), Tone::Bad, "certificate"),
            (json!({"rates": rates}), Tone::Warning, "10 of 100 requests"),
            (
                json!({"rates": {"steps": [{"failed": 1}]}}),
                Tone::Warning,
                "1 request was",
            ),
            (
                json!({"actions": {"by_state": {"retrying": 2}}}),
                Tone::Warning,
                "2 actions do",
            ),
            (
                json!({"actions": {"by_state": {"refused": 1}}}),
                Tone::Bad,
                "1 action is refused",
            ),
        ] {
            let (short, found) = judged(&more);
            assert_eq!((short, found.len()), (tone, 1), "{more}");
            assert!(found[0].0 == tone && found[0].1.contains(part), "{found:?}");
        }
        let both = json!({"rates": rates, "actions": {"by_state": {"refused": 1}}});
        let (_, found) = judged(&both);
        assert_eq!((found[0].0, found[1].0), (Tone::Bad, Tone::Warning));
    }
}
