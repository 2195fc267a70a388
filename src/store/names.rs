//! Texts and principals that many rows share, by number.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};
use wildmatch::WildMatch;

use super::ScopeId;
use crate::config::PrincipalMapping;
use crate::domain::principal::Principal;
use crate::domain::scope::Scope;

/// Looks up and adds shared texts within one transaction; its memory ends with the transaction, so that a
/// rollback cannot leave a number behind that no row has.
pub(super) struct Names<'a> {
    tx: &'a Connection,
    names: HashMap<String, i64>,
    scopes: HashMap<Scope, ScopeId>,
    principals: HashMap<String, i64>,
}

impl<'a> Names<'a> {
    pub(super) fn new(tx: &'a Connection) -> Self {
        Self { tx, names: HashMap::new(), scopes: HashMap::new(), principals: HashMap::new() }
    }

    pub(super) fn id(&mut self, value: &str) -> rusqlite::Result<i64> {
        if let Some(id) = self.names.get(value) {
            return Ok(*id);
        }
        let found = self
            .tx
            .prepare_cached("SELECT id FROM name WHERE value = ?1")?
            .query_row([value], |row| row.get(0));
        let id = match found.optional()? {
            Some(id) => id,
            None => self.tx.prepare_cached("INSERT INTO name (value) VALUES (?1)")?.insert([value])?,
        };
        self.names.insert(value.to_owned(), id);
        Ok(id)
    }

    pub(super) fn optional(&mut self, value: Option<&str>) -> rusqlite::Result<Option<i64>> {
        value.filter(|text| !text.is_empty()).map(|text| self.id(text)).transpose()
    }

    pub(super) fn scope(&mut self, scope: &Scope) -> rusqlite::Result<ScopeId> {
        if let Some(id) = self.scopes.get(scope) {
            return Ok(*id);
        }
        let id = scope_id(self.tx, scope)?;
        self.scopes.insert(scope.clone(), id);
        Ok(id)
    }

    pub(super) fn principal(
        &mut self,
        principal: &Principal,
        mappings: &[PrincipalMapping],
    ) -> rusqlite::Result<i64> {
        let key = principal.key.as_str();
        if let Some(id) = self.principals.get(key) {
            return Ok(*id);
        }
        let found = self
            .tx
            .prepare_cached("SELECT id FROM principal WHERE key = ?1")?
            .query_row([key], |row| row.get(0))
            .optional()?;
        let id = match found {
            Some(id) => id,
            None => {
                let shown = shown(key, &principal.name, principal.kind.as_str(), mappings);
                let sql =
                    "INSERT INTO principal (key, identity_type, found_name, found_kind, name, kind, team)
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
                self.tx.prepare_cached(sql)?.insert(params![
                    key,
                    principal.identity_type,
                    principal.name,
                    principal.kind.as_str(),
                    shown.name,
                    shown.kind,
                    shown.team,
                ])?
            }
        };
        self.principals.insert(key.to_owned(), id);
        Ok(id)
    }
}

pub(super) fn scope_id(tx: &Connection, scope: &Scope) -> rusqlite::Result<ScopeId> {
    let key = params![scope.account.as_str(), scope.region.as_str()];
    let found = tx
        .prepare_cached("SELECT id FROM scope WHERE account_id = ?1 AND region = ?2")?
        .query_row(key, |row| row.get(0))
        .optional()?;
    Ok(ScopeId(match found {
        Some(id) => id,
        None => tx.prepare_cached("INSERT INTO scope (account_id, region) VALUES (?1, ?2)")?.insert(key)?,
    }))
}

/// Names every known principal anew: a changed `[[principal]]` reaches old rows too.
pub(super) fn apply_mappings(tx: &Connection, mappings: &[PrincipalMapping]) -> rusqlite::Result<()> {
    let mut select = tx.prepare("SELECT id, key, found_name, found_kind FROM principal")?;
    let all = select
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<rusqlite::Result<Vec<(i64, String, String, String)>>>()?;
    let mut update = tx.prepare(
        "UPDATE principal SET name = ?2, kind = ?3, team = ?4
         WHERE id = ?1 AND (name, kind, team) IS NOT (?2, ?3, ?4)",
    )?;
    for (id, key, name, kind) in &all {
        let shown = shown(key, name, kind, mappings);
        update.execute(params![id, shown.name, shown.kind, shown.team])?;
    }
    Ok(())
}

struct Shown<'a> {
    name: &'a str,
    kind: &'a str,
    team: Option<&'a str>,
}

/// The first mapping whose glob matches the key has its say on top of what was found.
fn shown<'a>(key: &str, name: &'a str, kind: &'a str, mappings: &'a [PrincipalMapping]) -> Shown<'a> {
    let mapping = mappings.iter().find(|mapping| WildMatch::new(&mapping.pattern).matches(key));
    Shown {
        name: mapping.and_then(|m| m.name.as_deref()).unwrap_or(name),
        kind: mapping.and_then(|m| m.kind).map_or(kind, |kind| kind.as_str()),
        team: mapping.and_then(|m| m.team.as_deref()),
    }
}
