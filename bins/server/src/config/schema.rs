//! The JSON schema of the file, which editors check it with. It is made here, and in docs.
use super::document::{MEDIA, USERS, UserKeys};
use super::keys::{Keys, Kind, kind};
use super::medium::MediumKeys;
use crate::cli::Serve;
use clap::Arg;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;

fn schema() -> Value {
    let table =
        |properties| json!({ "type": "object", "properties": properties, "additionalProperties": false });
    let mut all = properties(&Keys::of::<Serve>());
    let file = all.remove(USERS);
    let users =
        json!({ "type": "object", "additionalProperties": table(properties(&Keys::of::<UserKeys>())) });
    all.insert(USERS.into(), json!({ "anyOf": [file, users] }));
    let mut medium = table(properties(&Keys::of::<MediumKeys>()));
    medium["oneOf"] = json!([{ "required": ["path"] }, { "required": ["source"] }]);
    all.insert(MEDIA.into(), json!({ "type": "array", "items": medium }));
    let mut schema = table(all);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "The configuration of pinhole-server".into();
    schema
}

fn properties(keys: &Keys) -> Map<String, Value> {
    keys.all().map(|(key, arg)| (key.to_owned(), property(arg))).collect()
}

fn property(arg: &Arg) -> Value {
    let mut property = match kind(arg) {
        Kind::Switch => json!({ "type": "boolean" }),
        Kind::Count => json!({ "type": "integer", "minimum": 0, "maximum": 255 }),
        Kind::List => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Value => json!({ "type": ["string", "number"] }),
    };
    let valid: Vec<_> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    if !valid.is_empty() && kind(arg) == Kind::Value {
        property = json!({ "enum": valid });
    }
    property["description"] = arg.get_help().map(ToString::to_string).unwrap_or_default().into();
    // A default of the command line is one of the file.
    let defaults = arg.get_default_values();
    if let Some(default) = defaults.first().filter(|_| kind(arg) == Kind::Value) {
        property["default"] = default.to_string_lossy().into();
    }
    property
}

/// Accept what has changed with `PINHOLE_ACCEPT=1`.
#[test]
fn the_schema_in_docs_is_that_of_the_options() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pinhole.schema.json");
    let schema = schema();
    if std::env::var_os("PINHOLE_ACCEPT").is_some() {
        fs::write(&path, format!("{schema:#}\n")).unwrap();
    }
    let mut written: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    if cfg!(not(all(feature = "v4l2", target_os = "linux"))) {
        written["properties"].as_object_mut().unwrap().remove("camera");
    }
    assert_eq!(
        written, schema,
        "run this test with PINHOLE_ACCEPT=1 and the feature v4l2, and look at the difference"
    );
}
