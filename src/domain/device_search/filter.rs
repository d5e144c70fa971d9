//! Joins conditions into flat trees, and pairs conditions on a tag's key with those on its value (see [`Condition`]).

use super::ast::{Condition, Filter, TextTest, Tree};

/// At least one of `parts`.
pub(super) fn any_of(parts: Vec<Filter>) -> Filter {
    let flat = parts.into_iter().flat_map(|part| match part {
        Tree::Or(inner) => inner,
        other => vec![other],
    });
    only(flat.collect(), Tree::Or)
}

/// All of `parts`, tags paired.
pub(super) fn all_of(parts: Vec<Filter>) -> Filter {
    let flat = parts.into_iter().flat_map(|part| match part {
        Tree::And(inner) => inner,
        other => vec![other],
    });
    only(paired(flat.collect()), Tree::And)
}

fn only(mut parts: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.pop() {
        Some(part) if parts.is_empty() => part,
        last => {
            parts.extend(last);
            join(parts)
        }
    }
}

/// Puts the n-th part on keys alone together with the n-th part on values alone, where the earlier of the two stands.
fn paired(parts: Vec<Filter>) -> Vec<Filter> {
    let tests_of = |side: Side| -> Vec<(usize, Tree<TextTest>)> {
        let tests = parts.iter().enumerate();
        tests
            .filter_map(|(place, part)| Some((place, tests_alone(part, side)?)))
            .collect()
    };
    let pairs: Vec<_> = tests_of(Side::Key)
        .into_iter()
        .zip(tests_of(Side::Value))
        .collect();
    let mut slots: Vec<Option<Filter>> = parts.into_iter().map(Some).collect();
    for ((key_place, key), (value_place, value)) in pairs {
        let pair = Tree::Leaf(Condition::Tag { key, value });
        if let Some(slot) = slots.get_mut(key_place.min(value_place)) {
            *slot = Some(pair);
        }
        if let Some(slot) = slots.get_mut(key_place.max(value_place)) {
            *slot = None;
        }
    }
    slots.into_iter().flatten().collect()
}

/// A side of a tag.
#[derive(Clone, Copy)]
enum Side {
    Key,
    Value,
}

/// The tests of a part that speaks of one side of a tag and of nothing else.
fn tests_alone(part: &Filter, side: Side) -> Option<Tree<TextTest>> {
    let all =
        |parts: &[Filter]| -> Option<Vec<_>> { parts.iter().map(|part| tests_alone(part, side)).collect() };
    match (part, side) {
        (Tree::Leaf(Condition::TagKey(test)), Side::Key)
        | (Tree::Leaf(Condition::TagValue(test)), Side::Value) => Some(Tree::Leaf(test.clone())),
        (Tree::Leaf(_), _) => None,
        (Tree::And(parts), _) => Some(Tree::And(all(parts)?)),
        (Tree::Or(parts), _) => Some(Tree::Or(all(parts)?)),
    }
}
