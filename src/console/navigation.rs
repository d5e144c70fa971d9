//! The pages that the navigation leads to.

use crate::auth::person::UserRole;

/// One of them: its path, its name, and who may see it. In the order in which they are shown; further pages come between
/// these.
const PAGES: &[(&str, &str, UserRole)] = &[
    ("/console/", "Overview", UserRole::Reader),
    ("/console/products", "Products", UserRole::Reader),
    ("/console/devices", "Devices", UserRole::Reader),
    ("/console/rules", "Rules", UserRole::Reader),
    ("/console/messages", "Messages", UserRole::Reader),
    ("/console/keys", "Keys", UserRole::Admin),
    ("/console/users", "Users", UserRole::Admin),
    ("/console/audit", "Audit", UserRole::Admin),
];

/// A link of the navigation.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it leads.
    pub path: &'static str,
    /// How it reads.
    pub name: &'static str,
    /// The page is this one or below it.
    pub is_current: bool,
}

/// What a user sees from the page at `path`.
pub fn entries(role: UserRole, path: &str) -> Vec<Entry> {
    let seen = PAGES.iter().filter(|(_, _, least)| role >= *least);
    seen.map(|(at, name, _)| Entry {
        path: at,
        name,
        is_current: path == *at || *at != "/console/" && path.starts_with(&format!("{at}/")),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(role: UserRole, path: &str) -> Vec<String> {
        let mark = |entry: Entry| format!("{}{}", entry.name, if entry.is_current { "*" } else { "" });
        entries(role, path).into_iter().map(mark).collect()
    }

    #[test]
    fn a_user_sees_what_the_role_opens_and_where_it_is() {
        assert_eq!(
            shown(UserRole::Reader, "/console/"),
            ["Overview*", "Products", "Devices", "Rules", "Messages"]
        );
        assert_eq!(
            shown(UserRole::Operator, "/console/account"),
            ["Overview", "Products", "Devices", "Rules", "Messages"]
        );
        let admin = shown(UserRole::Admin, "/console/users/jo");
        assert_eq!(
            admin,
            [
                "Overview", "Products", "Devices", "Rules", "Messages", "Keys", "Users*", "Audit"
            ]
        );
        assert_eq!(
            shown(UserRole::Admin, "/console/usersx")[6],
            "Users",
            "another page"
        );
    }
}
