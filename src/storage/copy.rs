//! Everything of one database into another that is empty: rows as they are, with their keys and positions, table by table in the
//! order of their keys. Then both are compared by count and hash. The ends hold one transaction each for the whole of it.

use aws_lc_rs::digest::{Context, SHA256};

use super::sql::{Columns, Session, Statement, Value};
use super::{Result, StoreError};

/// Rows that are read and written at once; events may be a megabyte each.
const PAGE: usize = 64;

/// How a column's values are read.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Int,
    Flag,
    Bytes,
}

/// A table: its columns, the first ones its key.
pub(super) struct Table {
    pub(super) name: &'static str,
    key: usize,
    columns: &'static [(&'static str, Kind)],
}

macro_rules! table {
    ($name:literal, $key:literal, [$($column:ident $kind:ident),* $(,)?]) => {
        Table {
            name: $name,
            key: $key,
            columns: &[$((stringify!($column), Kind::$kind)),*],
        }
    };
}

/// Every table, those that are referred to first.
pub(super) const TABLES: &[Table] = &[
    table!("settings", 1, [name Text, value Bytes]),
    table!("apps", 1, [app_key Int, app_id Text, name Text, is_default Flag, created_ms Int]),
    table!("products", 1, [
        product_key Int, app_key Int, product_id Text, name Text, device_type Text, protocol_type Text,
        data_format Text, manufacturer_name Text, industry Text, description Text, service_capabilities Text,
        validation_mode Text, require_sign_type_1 Flag, created_ms Int,
    ]),
    table!("device_versions", 1, [
        version_key Int, app_id Text, device_id Text, node_id Text, product_id Text, gateway_id Text, tags Text,
    ]),
    table!("devices", 1, [
        device_key Int, device_id Text, node_id Text, product_key Int, gateway_key Int, name Text, description Text,
        extension_info Text, secret Bytes, secondary_secret Bytes, secure_access Flag, timeout_seconds Int, epoch Int,
        frozen Flag, version_key Int, created_ms Int, auth_type Text, fingerprint Text, secondary_fingerprint Text,
        app_key Int,
    ]),
    table!("device_tags", 2, [device_key Int, tag_key Text, tag_value Text]),
    table!("access_keys", 1, [
        access_key Text, name Text, role Text, secret Bytes, disabled Flag, created_ms Int,
    ]),
    table!("users", 1, [
        user_key Int, name Text, password Text, role Text, must_change Flag, disabled Flag, session_epoch Int,
        created_ms Int,
    ]),
    table!("console_sessions", 1, [
        fingerprint Bytes, user_key Int, epoch Int, origin Text, created_ms Int, expires_ms Int,
    ]),
    table!("audit", 1, [
        audit_key Int, at_ms Int, request_id Bytes, actor Text, action Text, resource Text, origin Text, outcome Text,
    ]),
    table!("rules", 1, [
        rule_key Int, rule_id Text, name Text, description Text, resource Text, event Text, app_id Text, active Flag,
        select_text Text, where_text Text, created_ms Int,
    ]),
    table!("rule_versions", 2, [
        rule_key Int, after_position Int, active Flag, select_text Text, where_text Text,
    ]),
    table!("actions", 1, [
        action_key Int, action_id Text, rule_key Int, channel Text, detail Text, credentials Bytes, signing Bytes,
        previous_signing Bytes, previous_until_ms Int, dead_letter_action Text, paused Flag, after_position Int,
        created_ms Int,
    ]),
    table!("backlog_policies", 1, [
        policy_key Int, policy_id Text, name Text, description Text, size_bytes Int, time_seconds Int,
    ]),
    table!("flow_control_policies", 1, [
        policy_key Int, policy_id Text, name Text, description Text, scope Text, scope_value Text, tps Int,
    ]),
    table!("ca_certificates", 1, [certificate_key Int, certificate_id Text, app_id Text, pem Text, created_ms Int]),
    table!("cursors", 1, [name Text, position Int]),
    table!("history", 1, [position Int, device_key Int, kind Int, received_ms Int]),
    table!("device_activity", 1, [device_key Int, token_instants Bytes, last_seen_ms Int]),
    table!("trace", 1, [
        id Int, device_key Int, at_ms Int, method Text, path Text, status Int, code Text, message Text, request_id Text,
        count Int,
    ]),
    table!("shadow", 2, [device_key Int, service_id Text, body Text]),
    table!("device_status", 1, [
        device_key Int, online Flag, changed_ms Int, active_ms Int, announced Flag,
    ]),
    table!("action_lanes", 2, [
        action_key Int, lane Int, settled Int, settled_taken Int, settled_bytes Int, scanned Int, scanned_taken Int,
        scanned_bytes Int, up_to Int, device_key Int, outcomes Text, marks Text,
    ]),
    table!("action_counters", 1, [
        action_key Int, taken Int, taken_bytes Int, delivered Int, dead Int, dropped_by_size Int, dropped_by_time Int,
        dropped_by_retention Int, next_lane Int,
    ]),
    table!("action_parked", 3, [
        action_key Int, lane Int, position Int, device_key Int, bytes Int, received_ms Int, tries Int, failed_ms Int,
    ]),
    table!("action_letters", 1, [
        letter_id Int, action_key Int, position Int, device_key Int, device_id Text, product_id Text, app_id Text,
        received_ms Int, body Bytes, reason Text, attempts Int, at_ms Int, forwarded Flag, replaying Flag, counted Flag,
    ]),
    table!("action_attempts", 1, [
        attempt_id Int, action_key Int, position Int, at_ms Int, outcome Text, detail Text, took_ms Int,
    ]),
    table!("events", 1, [
        position Int, kind Int, device_key Int, version_key Int, reported_by Int, received_ms Int, request_id Bytes,
        payload Bytes, faults Text,
    ]),
];

/// The tables whose keys a sequence gives, and the key's column.
pub(super) const SEQUENCES: &[(&str, &str)] = &[
    ("apps", "app_key"),
    ("products", "product_key"),
    ("device_versions", "version_key"),
    ("devices", "device_key"),
    ("users", "user_key"),
    ("audit", "audit_key"),
    ("rules", "rule_key"),
    ("actions", "action_key"),
    ("backlog_policies", "policy_key"),
    ("flow_control_policies", "policy_key"),
    ("ca_certificates", "certificate_key"),
    ("trace", "id"),
    ("action_letters", "letter_id"),
    ("action_attempts", "attempt_id"),
];

/// What a table holds, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Its name.
    pub table: &'static str,
    /// Its rows.
    pub rows: u64,
    /// The SHA-256 of all of them in order.
    pub hash: String,
}

struct Digester {
    rows: u64,
    hash: Context,
}

impl Digester {
    fn new() -> Self {
        Self {
            rows: 0,
            hash: Context::new(&SHA256),
        }
    }

    fn add(&mut self, row: &[Value]) {
        self.rows += 1;
        for value in row {
            let (kind, bytes) = match value {
                Value::Text(text) => (1, text.as_ref().map(|text| text.as_bytes().to_vec())),
                Value::Int(number) => (2, number.map(|number| number.to_be_bytes().to_vec())),
                Value::Flag(flag) => (3, flag.map(|flag| vec![u8::from(flag)])),
                Value::Bytes(bytes) => (4, bytes.clone()),
            };
            let length = bytes.as_ref().map_or(u64::MAX, |bytes| bytes.len() as u64);
            self.hash.update(&[kind]);
            self.hash.update(&length.to_be_bytes());
            self.hash.update(&bytes.unwrap_or_default());
        }
    }

    fn add_all(&mut self, rows: &[Vec<Value>]) {
        for row in rows {
            self.add(row);
        }
    }

    fn finish(self, table: &'static str) -> Digest {
        Digest {
            table,
            rows: self.rows,
            hash: hex::encode(self.hash.finish()),
        }
    }
}

impl Table {
    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|(name, _)| *name)
    }

    /// Rows after the one with this key.
    fn page(&self, after: Option<&[Value]>) -> Statement {
        let listed: Vec<_> = self
            .columns
            .iter()
            .map(|(name, kind)| match kind {
                Kind::Int => format!("CAST({name} AS BIGINT) AS {name}"),
                _ => (*name).to_owned(),
            })
            .collect();
        let key: Vec<_> = self.names().take(self.key).collect();
        let (key, listed) = (key.join(", "), listed.join(", "));
        let places: Vec<_> = (1..=self.key).map(|number| format!("${number}")).collect();
        let condition = after.map_or(String::new(), |_| {
            format!("WHERE ({key}) > ({})", places.join(", "))
        });
        // `name.column`, since the alias of a number would sort by its cast and miss the index.
        let order: Vec<_> = self
            .names()
            .take(self.key)
            .map(|column| format!("{}.{column}", self.name))
            .collect();
        let text = format!(
            "SELECT {listed} FROM {} {condition} ORDER BY {} LIMIT {PAGE}",
            self.name,
            order.join(", ")
        );
        let values = after.unwrap_or_default().iter().take(self.key).cloned();
        values.fold(Statement::new(text), Statement::bind)
    }

    fn values(&self, row: &impl Columns) -> Result<Vec<Value>> {
        let value = |(name, kind): &(&str, Kind)| {
            Ok(match kind {
                Kind::Text => Value::Text(
                    row.optional_text(name)?
                        .map(|text| text.replace('\0', "\u{fffd}")),
                ),
                Kind::Int => Value::Int(row.optional_int(name)?),
                Kind::Flag => Value::Flag(Some(row.flag(name)?)),
                Kind::Bytes => Value::Bytes(row.optional_bytes(name)?),
            })
        };
        self.columns.iter().map(value).collect()
    }

    fn insert(&self, rows: Vec<Vec<Value>>, more: Option<More>) -> Statement {
        let mut names: Vec<_> = self.names().collect();
        names.extend(more.map(|more| more.column));
        let width = names.len();
        let row = |index: usize| {
            let places: Vec<_> = (1..=width)
                .map(|column| format!("${}", index * width + column))
                .collect();
            format!("({})", places.join(","))
        };
        let places: Vec<_> = (0..rows.len()).map(row).collect();
        let text = format!(
            "INSERT INTO {} ({}) VALUES {}",
            self.name,
            names.join(", "),
            places.join(",")
        );
        let values = rows.into_iter().flat_map(|mut row| {
            let extra = more.map(|more| (more.of)(&row));
            row.extend(extra);
            row
        });
        values.fold(Statement::new(text), Statement::bind)
    }
}

/// A column that only the target has, made from the others of its row.
#[derive(Clone, Copy)]
pub(super) struct More {
    pub(super) table: &'static str,
    pub(super) column: &'static str,
    pub(super) of: fn(&[Value]) -> Value,
}

/// Goes through every table; `each` sees the rows of a page.
async fn read<S: Session>(
    end: &mut S,
    table: &Table,
    mut each: impl AsyncFnMut(Vec<Vec<Value>>) -> Result<()>,
) -> Result<()> {
    let mut after: Option<Vec<Value>> = None;
    loop {
        let rows = end.rows(table.page(after.as_deref())).await?;
        let rows: Vec<_> = rows.iter().map(|row| table.values(row)).collect::<Result<_>>()?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.clone());
        let count = rows.len();
        each(rows).await?;
        if count < PAGE {
            return Ok(());
        }
    }
}

/// Copies every table and compares both ends; `progress` hears the rows that were copied. What is inserted is of the target's open
/// transaction.
pub(super) async fn copy(
    source: &mut impl Session,
    target: &mut impl Session,
    more: &[More],
    mut progress: impl FnMut(u64, &str),
) -> Result<Vec<Digest>> {
    let (mut done, mut digests) = (0, Vec::new());
    for table in TABLES {
        let more = more.iter().find(|more| more.table == table.name).copied();
        let mut digester = Digester::new();
        let copying = async |rows: Vec<Vec<Value>>| {
            digester.add_all(&rows);
            done += rows.len() as u64;
            target.execute(table.insert(rows, more)).await?;
            progress(done, table.name);
            Ok(())
        };
        read(source, table, copying).await?;
        digests.push(digester.finish(table.name));
    }
    for (table, copied) in TABLES.iter().zip(&digests) {
        let mut digester = Digester::new();
        progress(done, &format!("comparing {}", table.name));
        read(target, table, async |rows| {
            digester.add_all(&rows);
            Ok(())
        })
        .await?;
        let found = digester.finish(table.name);
        if found != *copied {
            return Err(StoreError::Corrupt(format!(
                "{} was not copied as it is: {copied:?} became {found:?}",
                table.name
            )));
        }
    }
    Ok(digests)
}

/// How many rows there are to copy.
pub(super) async fn total(source: &mut impl Session) -> Result<u64> {
    let mut total = 0;
    for table in TABLES {
        let count = Statement::new(format!("SELECT count(*) FROM {}", table.name));
        let row = source.rows(count).await?;
        let rows = row.first().map_or(Ok(0), |row| row.int_at(0))?;
        total += u64::try_from(rows).unwrap_or(0);
    }
    Ok(total)
}

/// The oldest event's.
pub(super) async fn first_position(source: &mut impl Session) -> Result<Option<i64>> {
    let rows = source
        .rows(Statement::new("SELECT min(position) FROM events"))
        .await?;
    rows.first().map_or(Ok(None), |row| row.optional_int_at(0))
}
