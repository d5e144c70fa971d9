//! The schema's steps, in the program itself: the same numbers and names in both dialects.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// A step's file, and its SQL.
pub(in crate::storage) type Steps = &'static [(&'static str, &'static str)];

macro_rules! embedded {
    ($dialect:literal, [$($file:literal),* $(,)?]) => {
        &[$((
            $file,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/", $dialect, "/", $file, ".sql")),
        )),*]
    };
}

/// The steps of the registry and the log, and those of what followers keep, in one dialect.
macro_rules! schema {
    ($dialect:literal) => {
        pub(in crate::storage) const MAIN: crate::storage::sql::migrations::Steps =
            crate::storage::sql::migrations::embedded!($dialect, [
                "0001_create_registry_and_log",
                "0002_add_device_tags",
                "0003_add_device_certificates",
                "0004_add_device_lookups",
                "0005_create_audit",
                "0006_create_routing",
                "0007_create_users",
            ]);
        pub(in crate::storage) const FOLLOWERS: crate::storage::sql::migrations::Steps =
            crate::storage::sql::migrations::embedded!($dialect, [
                "followers/0001_create_history_and_activity",
                "followers/0002_create_trace",
                "followers/0003_create_shadow",
                "followers/0004_create_device_status",
                "followers/0005_create_deliveries",
            ]);
    };
}

pub(in crate::storage) use {embedded, schema};

/// Runs what is missing of these steps.
pub(in crate::storage) fn migrator(steps: Steps) -> Migrator {
    let migration = |(file, sql): &(&'static str, &'static str)| {
        let name = file.rsplit('/').next().unwrap_or(file);
        let (number, name) = name.split_once('_').unwrap_or_default();
        let number = number.parse().unwrap_or_default();
        let sql = (*sql).into_sql_str();
        Migration::new(number, name.into(), MigrationType::Simple, sql, false)
    };
    Migrator::with_migrations(steps.iter().map(migration).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    mod sqlite {
        schema!("sqlite");
    }

    mod postgres {
        schema!("postgres");
    }

    #[test]
    fn every_file_is_a_step_in_both_dialects() {
        for (dialect, main, followers) in [
            ("sqlite", sqlite::MAIN, sqlite::FOLLOWERS),
            ("postgres", postgres::MAIN, postgres::FOLLOWERS),
        ] {
            for (folder, steps) in [("", main), ("followers/", followers)] {
                let mut files: Vec<_> = std::fs::read_dir(format!("migrations/{dialect}/{folder}"))
                    .unwrap()
                    .map(|entry| entry.unwrap())
                    .filter(|entry| entry.file_type().unwrap().is_file())
                    .map(|entry| format!("{folder}{}", entry.file_name().into_string().unwrap()))
                    .collect();
                files.sort();
                let steps: Vec<_> = steps.iter().map(|(file, _)| format!("{file}.sql")).collect();
                assert_eq!(files, steps);
            }
        }
    }

    #[test]
    fn steps_have_the_numbers_and_names_of_their_files() {
        let migrator = migrator(sqlite::FOLLOWERS);
        let found: Vec<_> = migrator
            .iter()
            .map(|step| format!("{} {}", step.version, step.description))
            .collect();
        assert_eq!(found[..2], ["1 create_history_and_activity", "2 create_trace"]);
    }
}
