//! The rows of an import: read and checked as a table; what a field may hold is the server's to say.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::cli::client::Failure;

const COLUMNS: [&str; 12] = [
    "device_id",
    "node_id",
    "product_id",
    "app_id",
    "gateway_id",
    "device_name",
    "description",
    "secret",
    "secure_access",
    "timeout",
    "extension_info",
    "tags",
];

/// One device to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Its line in the file, counted from 1, the header's.
    pub(super) line: u64,
    /// Its id, given or made of product and node.
    pub(super) device_id: String,
    pub(super) gateway_id: Option<String>,
    /// The other columns that are filled.
    fields: HashMap<String, String>,
}

impl Row {
    /// The body of the registration; an error names the column.
    pub(super) fn body(&self) -> Result<String, String> {
        let mut body = Map::new();
        body.insert("device_id".to_owned(), json!(self.device_id));
        if let Some(gateway_id) = &self.gateway_id {
            body.insert("gateway_id".to_owned(), json!(gateway_id));
        }
        let mut auth_info = Map::new();
        for (column, text) in &self.fields {
            let column = column.as_str();
            match column {
                "extension_info" | "tags" => {}
                "secret" => drop(auth_info.insert(column.to_owned(), json!(text))),
                "secure_access" | "timeout" => {
                    let value: Value = serde_json::from_str(text)
                        .map_err(|_| format!("{column}: {text:?} must be a number, true or false"))?;
                    auth_info.insert(column.to_owned(), value);
                }
                _ => drop(body.insert(column.to_owned(), json!(text))),
            }
        }
        if !auth_info.is_empty() {
            body.insert("auth_info".to_owned(), Value::Object(auth_info));
        }
        let text = Value::Object(body).to_string();
        // As text, so that its numbers stay as they were written.
        match self.fields.get("extension_info") {
            None => Ok(text),
            Some(info) => {
                let info: &RawValue =
                    serde_json::from_str(info).map_err(|error| format!("extension_info: {error}"))?;
                let open = text.strip_suffix('}').unwrap_or(&text);
                Ok(format!(r#"{open},"extension_info":{}}}"#, info.get()))
            }
        }
    }

    /// The body that binds its tags, where it has any.
    pub(super) fn tags(&self) -> Option<String> {
        let text = self.fields.get("tags")?;
        let tags: Vec<_> = text
            .split(';')
            .map(str::trim)
            .filter(|tag| !tag.is_empty())
            .map(|tag| match tag.split_once('=') {
                Some((key, value)) => json!({"tag_key": key.trim(), "tag_value": value.trim()}),
                None => json!({"tag_key": tag}),
            })
            .collect();
        let body = json!({"resource_type": "device", "resource_id": self.device_id, "tags": tags});
        (!tags.is_empty()).then(|| body.to_string())
    }

    /// What a registered device of this id must be like to be the one of this row.
    pub(super) fn is_like(&self, shown: &Value) -> bool {
        let same = |name: &str| {
            self.fields
                .get(name)
                .is_none_or(|text| shown.get(name).and_then(Value::as_str) == Some(text))
        };
        let gateway = self.gateway_id.as_ref().unwrap_or(&self.device_id);
        let gateway = shown.get("gateway_id").and_then(Value::as_str) == Some(gateway);
        gateway && same("node_id") && same("product_id")
    }
}

/// Reads a file; `product` stands in where a row names none.
pub(super) fn read(path: &Path, product: Option<&str>) -> Result<Vec<Row>, Failure> {
    let shown = path.display();
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(|error| format!("{shown}: {error}"))?;
    let header = reader
        .headers()
        .map_err(|error| format!("{shown}: {error}"))?
        .clone();
    let columns: Vec<String> = header
        .iter()
        .map(|name| name.trim_start_matches('\u{feff}').to_owned())
        .collect();
    if let Some(unknown) = columns.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
        return Err(format!("{shown}: no column {unknown:?}; there are {}", COLUMNS.join(", ")).into());
    }
    let mut rows = Vec::new();
    let mut seen = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(|error| format!("{shown}: {error}"))?;
        let line = record.position().map_or(0, csv::Position::line);
        let row = row(&columns, &record, line, product)
            .map_err(|fault| format!("{shown}: line {line}: {fault}"))?;
        if let Some(before) = seen.insert(row.device_id.clone(), line) {
            return Err(format!(
                "{shown}: line {line}: device {} stands on line {before} too",
                row.device_id
            )
            .into());
        }
        rows.push(row);
    }
    Ok(rows)
}

fn row(
    columns: &[String],
    record: &csv::StringRecord,
    line: u64,
    product: Option<&str>,
) -> Result<Row, String> {
    let filled = columns.iter().zip(record).filter(|(_, text)| !text.is_empty());
    let mut fields: HashMap<String, String> = filled
        .map(|(name, text)| (name.clone(), text.to_owned()))
        .collect();
    if let (Some(product), None) = (product, fields.get("product_id")) {
        fields.insert("product_id".to_owned(), product.to_owned());
    }
    let need = |name: &str| fields.get(name).ok_or_else(|| format!("{name} is empty"));
    let made = format!("{}_{}", need("product_id")?, need("node_id")?);
    Ok(Row {
        line,
        device_id: fields.remove("device_id").unwrap_or(made),
        gateway_id: fields.remove("gateway_id"),
        fields,
    })
}

/// The rows in groups, each after those that hold the gateways of its devices. Gateways that are not in the file are
/// there already, or the server says that they are not.
pub(super) fn levels(mut rows: Vec<Row>) -> Vec<Vec<Row>> {
    let mut levels = Vec::new();
    while !rows.is_empty() {
        let waiting: HashSet<String> = rows.iter().map(|row| row.device_id.clone()).collect();
        let (ready, later): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| {
            row.gateway_id
                .as_ref()
                .is_none_or(|gateway| !waiting.contains(gateway))
        });
        if ready.is_empty() {
            // A circle: the server refuses each with the reason.
            levels.push(later);
            break;
        }
        levels.push(ready);
        rows = later;
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Row>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path(), Some("p0")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_row_becomes_the_body_of_a_registration() {
        let rows = parse(
            "\u{feff}node_id,product_id,device_name,secret,timeout,extension_info,tags\n\
             n1,,温度计,secret-1,60,\"{\"\"a\"\":1.50}\",site=3; floor\nn2,p2,,,,,\n",
        )
        .unwrap();
        assert_eq!((rows[0].device_id.as_str(), rows[0].line), ("p0_n1", 2));
        let body = rows[0].body().unwrap();
        assert!(body.ends_with(r#","extension_info":{"a":1.50}}"#), "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["auth_info"], json!({"secret": "secret-1", "timeout": 60}));
        assert_eq!(body["device_name"], "温度计");
        let tags: Value = serde_json::from_str(&rows[0].tags().unwrap()).unwrap();
        assert_eq!(
            tags["tags"],
            json!([{"tag_key": "site", "tag_value": "3"}, {"tag_key": "floor"}])
        );
        assert_eq!((rows[1].device_id.as_str(), rows[1].tags()), ("p2_n2", None));
    }

    #[test]
    fn a_table_that_makes_no_sense_is_refused_with_its_line() {
        for (text, part) in [
            (
                "node_id,colour\nn,red\n",
                "no column \"colour\"; there are device_id,",
            ),
            ("node_id,secret\n,x\n", "line 2: node_id is empty"),
            ("node_id\nn\nn\n", "line 3: device p0_n stands on line 2 too"),
            ("node_id,secret\nn\n", "found record with 1 fields"),
        ] {
            let said = parse(text).unwrap_err();
            assert!(said.contains(part), "{text:?}: {said}");
        }
        let broken = parse("node_id,extension_info,timeout\nn,{,\nm,,soon\n").unwrap();
        assert!(broken[0].body().unwrap_err().starts_with("extension_info: "));
        assert!(broken[1].body().unwrap_err().starts_with("timeout: \"soon\""));
    }

    #[test]
    fn gateways_come_before_their_children_and_a_circle_comes_last() {
        let rows = parse(
            "node_id,device_id,gateway_id\na,kid,gw\nb,gw,\nc,grandkid,kid\nd,other,elsewhere\ne,x,y\nf,y,x\n",
        )
        .unwrap();
        let ids: Vec<Vec<String>> = levels(rows)
            .into_iter()
            .map(|level| level.into_iter().map(|row| row.device_id).collect())
            .collect();
        assert_eq!(
            ids,
            [vec!["gw", "other"], vec!["kid"], vec!["grandkid"], vec!["x", "y"]]
        );
    }
}
