//! Rules, actions, policies and certificates. Each change places a mark in the log ([`EventKind::RoutingChanged`]); a rule's
//! version and an action's beginning take its position, so that whoever reads the log up to there knows what to load.

use bytes::Bytes;

use super::super::{Session, Statement};
use super::Changes;
use crate::auth::secret::Secret;
use crate::domain::clock::Timestamp;
use crate::domain::event::{EventKind, NewEvent};
use crate::domain::ids::{ActionId, AppId, CertificateId, PolicyId, RuleId};
use crate::storage::{
    ActionPatch, BacklogText, Change as Told, FlowControlText, NewAction, NewRule, RegistryChange, Result,
    RulePatch, StoreError,
};

/// What an action's sealed columns are bound to, besides its id.
pub(in crate::storage::sql) const CREDENTIALS: &str = "credentials";
pub(in crate::storage::sql) const SIGNING: &str = "signing";
pub(in crate::storage::sql) const PREVIOUS_SIGNING: &str = "previous_signing";

/// A row moved to another action does not open.
pub(in crate::storage::sql) fn binding(action_id: &ActionId, what: &str) -> Vec<u8> {
    format!("action:{action_id}:{what}").into_bytes()
}

/// What is to change.
#[derive(Debug)]
pub(crate) enum RoutingChange {
    CreateRule(NewRule),
    UpdateRule(RuleId, RulePatch),
    DeleteRule(RuleId),
    CreateAction(NewAction),
    UpdateAction(ActionId, ActionPatch),
    DeleteAction(ActionId),
    CreateBacklog(PolicyId, BacklogText),
    UpdateBacklog(PolicyId, BacklogText),
    DeleteBacklog(PolicyId),
    CreateFlowControl(PolicyId, FlowControlText),
    UpdateFlowControl(PolicyId, FlowControlText),
    DeleteFlowControl(PolicyId),
    CreateCertificate(CertificateId, Option<AppId>, String),
    UpdateCertificate(CertificateId, String),
    DeleteCertificate(CertificateId),
}

/// What it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoutingOutcome {
    Done,
    NotFound,
}

impl<S: Session> Changes<'_, S> {
    pub(super) async fn change_routing(
        &mut self,
        change: RoutingChange,
        told: Told<()>,
    ) -> Result<RoutingOutcome> {
        let done = match change {
            RoutingChange::CreateRule(new) => self.create_rule(&new, told.at).await?,
            RoutingChange::UpdateRule(id, patch) => self.update_rule(&id, &patch).await?,
            RoutingChange::DeleteRule(id) => self.delete_one("rules", "rule_id", id.as_str()).await?,
            RoutingChange::CreateAction(new) => self.create_action(&new, told.at).await?,
            RoutingChange::UpdateAction(id, patch) => self.update_action(&id, &patch).await?,
            RoutingChange::DeleteAction(id) => self.delete_one("actions", "action_id", id.as_str()).await?,
            RoutingChange::CreateBacklog(id, text) => {
                let insert = "INSERT INTO backlog_policies (name, description, size_bytes, time_seconds, policy_id) \
                              VALUES ($1, $2, $3, $4, $5)";
                self.write_backlog(insert, &id, &text).await?
            }
            RoutingChange::UpdateBacklog(id, text) => {
                let update = "UPDATE backlog_policies SET name = $1, description = $2, size_bytes = $3, \
                              time_seconds = $4 WHERE policy_id = $5";
                self.write_backlog(update, &id, &text).await?
            }
            RoutingChange::DeleteBacklog(id) => {
                self.delete_one("backlog_policies", "policy_id", id.as_str())
                    .await?
            }
            RoutingChange::CreateFlowControl(id, text) => {
                let insert = "INSERT INTO flow_control_policies (name, description, scope, scope_value, tps, policy_id) \
                              VALUES ($1, $2, $3, $4, $5, $6)";
                self.write_flow_control(insert, &id, &text).await?
            }
            RoutingChange::UpdateFlowControl(id, text) => {
                let update = "UPDATE flow_control_policies SET name = $1, description = $2, scope = $3, scope_value = $4, \
                              tps = $5 WHERE policy_id = $6";
                self.write_flow_control(update, &id, &text).await?
            }
            RoutingChange::DeleteFlowControl(id) => {
                self.delete_one("flow_control_policies", "policy_id", id.as_str())
                    .await?
            }
            RoutingChange::CreateCertificate(id, app_id, pem) => {
                self.create_certificate(&id, app_id.as_ref(), &pem, told.at)
                    .await?
            }
            RoutingChange::UpdateCertificate(id, pem) => {
                let update = Statement::new("UPDATE ca_certificates SET pem = $1 WHERE certificate_id = $2");
                let update = update.bind(pem).bind(id.as_str());
                self.touches(update).await?
            }
            RoutingChange::DeleteCertificate(id) => {
                self.delete_one("ca_certificates", "certificate_id", id.as_str())
                    .await?
            }
        };
        if !done {
            return Ok(RoutingOutcome::NotFound);
        }
        self.changed.push(RegistryChange::Routing);
        self.place(NewEvent {
            kind: EventKind::RoutingChanged,
            device: None,
            reported_by: None,
            received: told.at,
            request_id: told.request_id.clone(),
            payload: Bytes::new(),
            faults: None,
        });
        self.done(told.at, told.request_id, told.deed).await?;
        Ok(RoutingOutcome::Done)
    }

    async fn touches(&mut self, statement: Statement) -> Result<bool> {
        Ok(self.session.execute(statement).await? > 0)
    }

    /// The position that the change's own mark will have, behind the events that wait to be inserted.
    async fn mark(&mut self) -> Result<i64> {
        let waiting = i64::try_from(self.events.len()).unwrap_or(i64::MAX);
        let last = self.session.last_position().await?;
        Ok(last.saturating_add(waiting).saturating_add(1))
    }

    async fn delete_one(&mut self, table: &'static str, column: &'static str, id: &str) -> Result<bool> {
        let sql = format!("DELETE FROM {table} WHERE {column} = $1");
        self.touches(Statement::new(sql).bind(id)).await
    }

    async fn create_rule(&mut self, new: &NewRule, at: Timestamp) -> Result<bool> {
        let insert = Statement::new(
            "INSERT INTO rules (rule_id, name, description, resource, event, app_id, active, select_text, where_text, \
             created_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(new.rule_id.as_str())
        .bind(&new.text.name)
        .bind(&new.text.description)
        .bind(&new.text.resource)
        .bind(&new.text.event)
        .bind(new.text.app_id.as_ref().map(AppId::to_string))
        .bind(false)
        .bind(&new.text.select)
        .bind(&new.text.condition)
        .bind(at.0);
        self.touches(insert).await?;
        self.new_rule_version(&new.rule_id).await?;
        Ok(true)
    }

    async fn update_rule(&mut self, id: &RuleId, patch: &RulePatch) -> Result<bool> {
        let (select, condition) = patch.sql.clone().unzip();
        let update = Statement::new(
            "UPDATE rules SET name = nullif(coalesce($1, name), ''), \
             description = nullif(coalesce($2, description), ''), active = coalesce($3, active), \
             select_text = coalesce($4, select_text), where_text = coalesce($5, where_text) WHERE rule_id = $6",
        )
        .bind(&patch.name)
        .bind(&patch.description)
        .bind(patch.active)
        .bind(select)
        .bind(condition)
        .bind(id.as_str());
        let found = self.touches(update).await?;
        if found && (patch.sql.is_some() || patch.active.is_some()) {
            self.new_rule_version(id).await?;
        }
        Ok(found)
    }

    /// Versions that judge no event of the log any more go.
    async fn new_rule_version(&mut self, id: &RuleId) -> Result<()> {
        let after = self.mark().await?;
        let insert = Statement::new(
            "INSERT INTO rule_versions (rule_key, after_position, active, select_text, where_text)
             SELECT rule_key, $1, active, select_text, where_text FROM rules WHERE rule_id = $2
             ON CONFLICT (rule_key, after_position) DO UPDATE SET active = excluded.active,
                 select_text = excluded.select_text, where_text = excluded.where_text",
        );
        self.touches(insert.bind(after).bind(id.as_str())).await?;
        let delete = Statement::new(
            "DELETE FROM rule_versions WHERE rule_key = (SELECT rule_key FROM rules WHERE rule_id = $1)
             AND after_position < (SELECT max(v.after_position) FROM rule_versions v
                 WHERE v.rule_key = rule_versions.rule_key
                 AND v.after_position < coalesce((SELECT min(position) FROM events), $2 + 1))",
        );
        self.touches(delete.bind(id.as_str()).bind(after)).await?;
        Ok(())
    }

    async fn create_action(&mut self, new: &NewAction, at: Timestamp) -> Result<bool> {
        let after = self.mark().await?;
        let credentials = self.sealed(&new.action_id, CREDENTIALS, new.credentials.as_ref())?;
        let signing = self.sealed(&new.action_id, SIGNING, Some(&new.signing))?;
        let insert = Statement::new(
            "INSERT INTO actions (action_id, rule_key, channel, detail, credentials, signing, dead_letter_action, paused, \
             after_position, created_ms)
             SELECT $1, rule_key, $2, $3, $4, $5, $6, $7, $8, $9 FROM rules WHERE rule_id = $10",
        )
        .bind(new.action_id.as_str())
        .bind(&new.channel)
        .bind(&new.detail)
        .bind(credentials)
        .bind(signing)
        .bind(new.dead_letter_action.as_ref().map(ActionId::to_string))
        .bind(false)
        .bind(after)
        .bind(at.0)
        .bind(new.rule_id.as_str());
        self.touches(insert).await
    }

    async fn update_action(&mut self, id: &ActionId, patch: &ActionPatch) -> Result<bool> {
        let row = Statement::new("SELECT * FROM actions WHERE action_id = $1").bind(id.as_str());
        if self.first(row).await?.is_none() {
            return Ok(false);
        }
        if let Some((channel, detail, credentials)) = &patch.target {
            let credentials = self.sealed(id, CREDENTIALS, credentials.as_ref())?;
            let sql = "UPDATE actions SET channel = $1, detail = $2, credentials = $3 WHERE action_id = $4";
            let update = Statement::new(sql).bind(channel).bind(detail).bind(credentials);
            self.touches(update.bind(id.as_str())).await?;
        }
        if let Some(other) = &patch.dead_letter_action {
            let update = Statement::new("UPDATE actions SET dead_letter_action = $1 WHERE action_id = $2");
            let update = update.bind(other.as_ref().map(ActionId::to_string));
            self.touches(update.bind(id.as_str())).await?;
        }
        if let Some(paused) = patch.paused {
            let update = Statement::new("UPDATE actions SET paused = $1 WHERE action_id = $2");
            self.touches(update.bind(paused).bind(id.as_str())).await?;
        }
        if let Some(signing) = &patch.signing {
            let current = self.sealed(id, SIGNING, Some(&signing.current))?;
            let previous = signing.previous.as_ref().map(|(previous, _)| previous);
            let until = signing.previous.as_ref().map(|(_, until)| until.0);
            let previous = self.sealed(id, PREVIOUS_SIGNING, previous)?;
            let update = Statement::new(
                "UPDATE actions SET signing = $1, previous_signing = $2, previous_until_ms = $3 WHERE action_id = $4",
            );
            let update = update.bind(current).bind(previous).bind(until);
            self.touches(update.bind(id.as_str())).await?;
        }
        Ok(true)
    }

    fn sealed(&self, id: &ActionId, what: &str, secret: Option<&Secret>) -> Result<Option<Vec<u8>>> {
        let seal = |secret: &Secret| {
            let sealed = self.secrets.seal(secret.expose(), &binding(id, what));
            sealed.map_err(|error| StoreError::Corrupt(error.to_string()))
        };
        secret.map(seal).transpose()
    }

    async fn write_backlog(&mut self, sql: &'static str, id: &PolicyId, text: &BacklogText) -> Result<bool> {
        let write = Statement::new(sql)
            .bind(&text.name)
            .bind(&text.description)
            .bind(text.size_bytes)
            .bind(text.time_seconds)
            .bind(id.as_str());
        self.touches(write).await
    }

    async fn write_flow_control(
        &mut self,
        sql: &'static str,
        id: &PolicyId,
        text: &FlowControlText,
    ) -> Result<bool> {
        let write = Statement::new(sql)
            .bind(&text.name)
            .bind(&text.description)
            .bind(&text.scope)
            .bind(&text.scope_value)
            .bind(text.limit)
            .bind(id.as_str());
        self.touches(write).await
    }

    async fn create_certificate(
        &mut self,
        id: &CertificateId,
        app_id: Option<&AppId>,
        pem: &str,
        at: Timestamp,
    ) -> Result<bool> {
        let insert = Statement::new(
            "INSERT INTO ca_certificates (certificate_id, app_id, pem, created_ms) VALUES ($1, $2, $3, $4)",
        )
        .bind(id.as_str())
        .bind(app_id.map(AppId::to_string))
        .bind(pem)
        .bind(at.0);
        self.touches(insert).await
    }
}
