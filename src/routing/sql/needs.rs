//! What a clause needs of an event, found in one pass over its text that ends when all is found.

use super::json::Cursor;

/// Members to find, by place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    top: Vec<Node>,
    slots: usize,
}

/// A member on the way to what is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    name: String,
    slot: Option<usize>,
    children: Vec<Node>,
}

/// What was found, by place: values as they stand in the text.
pub(super) type Found<'e> = Vec<Option<&'e str>>;

impl Needs {
    /// Paths by place, each once.
    pub(super) fn new(paths: Vec<Vec<String>>) -> Self {
        let slots = paths.len();
        let mut top = Vec::new();
        for (slot, names) in paths.into_iter().enumerate() {
            add(&mut top, &mut names.into_iter(), slot);
        }
        Self { top, slots }
    }

    /// Looks through an event.
    pub(super) fn find<'e>(&self, envelope: &'e str) -> Found<'e> {
        let mut search = Search {
            cursor: Cursor::new(envelope),
            found: vec![None; self.slots],
            left: self.slots,
        };
        if self.slots > 0 {
            // Ends early when all is found, or on what is no JSON.
            let _: Option<()> = search.object(&self.top);
        }
        search.found
    }
}

fn add(nodes: &mut Vec<Node>, names: &mut impl Iterator<Item = String>, slot: usize) {
    let Some(name) = names.next() else {
        return;
    };
    let place = nodes.iter().position(|node| node.name == name);
    let place = place.unwrap_or_else(|| {
        nodes.push(Node {
            name,
            slot: None,
            children: Vec::new(),
        });
        nodes.len() - 1
    });
    let Some(node) = nodes.get_mut(place) else {
        return;
    };
    if names.size_hint().0 == 0 {
        node.slot = Some(slot);
    } else {
        add(&mut node.children, names, slot);
    }
}

struct Search<'e> {
    cursor: Cursor<'e>,
    found: Found<'e>,
    /// How many are not found yet.
    left: usize,
}

impl Search<'_> {
    /// Looks through the object here and goes behind it; none when the search is over. As deep as the deepest path.
    fn object(&mut self, nodes: &[Node]) -> Option<()> {
        if !self.cursor.enter(b'{') {
            return self.cursor.skip();
        }
        let mut unseen = nodes.len();
        while let Some(name) = self.cursor.name() {
            let Some(node) = nodes.iter().find(|node| name.is(&node.name)) else {
                self.cursor.skip()?;
                continue;
            };
            self.member(node)?;
            unseen = unseen.saturating_sub(1);
            if unseen == 0 {
                break;
            }
        }
        self.cursor.leave()
    }

    fn member(&mut self, node: &Node) -> Option<()> {
        let Some(slot) = node.slot else {
            return self.object(&node.children);
        };
        let value = self.cursor.value()?;
        if let Some(place) = self.found.get_mut(slot)
            && place.replace(value).is_none()
        {
            self.left -= 1;
        }
        if self.left == 0 {
            return None;
        }
        if !node.children.is_empty() {
            let behind = std::mem::replace(&mut self.cursor, Cursor::new(value));
            let outcome = self.object(&node.children);
            self.cursor = behind;
            outcome?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'e>(paths: &[&str], text: &'e str) -> Vec<Option<&'e str>> {
        let names = |path: &&str| path.split('.').map(str::to_owned).collect();
        Needs::new(paths.iter().map(names).collect()).find(text)
    }

    #[test]
    fn one_pass_finds_all() {
        let text = r#"{"a":{"b":{"c":1,"d":[{"e":2}]},"x":"y"},"f":null,"g":3}"#;
        assert_eq!(
            found(&["g", "a.b.c", "a.x", "f", "a.b"], text),
            [
                Some("3"),
                Some("1"),
                Some("\"y\""),
                Some("null"),
                Some(r#"{"c":1,"d":[{"e":2}]}"#)
            ]
        );
        assert_eq!(
            found(&["a.b.d.e", "g.h", "h", "g"], text),
            [None, None, None, Some("3")]
        );
        assert_eq!(found(&[], text), []);
        assert_eq!(found(&["a"], "[1]"), [None]);
    }
}
