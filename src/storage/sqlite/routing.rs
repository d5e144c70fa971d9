//! Rules, actions, policies and certificates: reads through the pool, changes through the writer.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, QueryBuilder, Row, Sqlite as Database};

use super::changes::{RoutingChange, RoutingOutcome};
use super::commit::Change;
use super::{Sqlite, rows, unavailable};
use crate::auth::secret::Secret;
use crate::domain::clock::Timestamp;
use crate::domain::ids::{ActionId, ActionKey, AppId, CertificateId, PolicyId, Position, RuleId};
use crate::storage::{
    Action, ActionFilter, ActionPatch, BacklogPolicy, BacklogText, CaCertificate, Change as Told,
    FlowControlPolicy, FlowControlText, NewAction, NewRule, Page, PageRequest, Policy, PolicyFilter, Result,
    RoutingStore, Rule, RuleFilter, RulePatch, RuleText, RuleVersion, SigningSecrets, StoreError,
};

/// What an action's sealed columns are bound to, besides its id.
pub(super) const CREDENTIALS: &str = "credentials";
pub(super) const SIGNING: &str = "signing";
pub(super) const PREVIOUS_SIGNING: &str = "previous_signing";

const RULE: &str = "SELECT * FROM rules";
const ACTION: &str = "SELECT a.*, r.rule_id, r.app_id FROM actions a JOIN rules r ON r.rule_key = a.rule_key";
const BACKLOG: &str = "SELECT * FROM backlog_policies";
const FLOW_CONTROL: &str = "SELECT * FROM flow_control_policies";
const CERTIFICATE: &str = "SELECT * FROM ca_certificates";

/// A row moved to another action does not open.
pub(super) fn binding(action_id: &ActionId, what: &str) -> Vec<u8> {
    format!("action:{action_id}:{what}").into_bytes()
}

fn text(row: &SqliteRow, column: &str) -> Result<String> {
    row.try_get(column).map_err(unavailable)
}

fn optional(row: &SqliteRow, column: &str) -> Result<Option<String>> {
    row.try_get(column).map_err(unavailable)
}

fn number(row: &SqliteRow, column: &str) -> Result<i64> {
    row.try_get(column).map_err(unavailable)
}

fn app_id(row: &SqliteRow) -> Result<Option<AppId>> {
    let found = optional(row, "app_id")?;
    found.map(|found| rows::id(AppId::parse(&found))).transpose()
}

fn rule_text(row: &SqliteRow) -> Result<RuleText> {
    Ok(RuleText {
        name: optional(row, "name")?,
        description: optional(row, "description")?,
        resource: text(row, "resource")?,
        event: text(row, "event")?,
        app_id: app_id(row)?,
        select: text(row, "select_text")?,
        condition: text(row, "where_text")?,
    })
}

fn rule(row: &SqliteRow) -> Result<Rule> {
    Ok(Rule {
        key: number(row, "rule_key")?,
        rule_id: rows::id(RuleId::parse(&text(row, "rule_id")?))?,
        text: rule_text(row)?,
        active: row.try_get("active").map_err(unavailable)?,
        created: Timestamp(number(row, "created_ms")?),
    })
}

fn rule_version(row: &SqliteRow) -> Result<RuleVersion> {
    Ok(RuleVersion {
        rule_id: rows::id(RuleId::parse(&text(row, "rule_id")?))?,
        after: Position(number(row, "after_position")?),
        active: row.try_get("active").map_err(unavailable)?,
        text: rule_text(row)?,
    })
}

fn policy_id(row: &SqliteRow) -> Result<PolicyId> {
    rows::id(PolicyId::parse(&text(row, "policy_id")?))
}

fn backlog(row: &SqliteRow) -> Result<BacklogPolicy> {
    Ok(Policy {
        key: number(row, "policy_key")?,
        policy_id: policy_id(row)?,
        text: BacklogText {
            name: optional(row, "name")?,
            description: optional(row, "description")?,
            size_bytes: number(row, "size_bytes")?,
            time_seconds: number(row, "time_seconds")?,
        },
    })
}

fn flow_control(row: &SqliteRow) -> Result<FlowControlPolicy> {
    Ok(Policy {
        key: number(row, "policy_key")?,
        policy_id: policy_id(row)?,
        text: FlowControlText {
            name: optional(row, "name")?,
            description: optional(row, "description")?,
            scope: text(row, "scope")?,
            scope_value: optional(row, "scope_value")?,
            limit: number(row, "tps")?,
        },
    })
}

fn certificate(row: &SqliteRow) -> Result<CaCertificate> {
    Ok(CaCertificate {
        key: number(row, "certificate_key")?,
        certificate_id: rows::id(CertificateId::parse(&text(row, "certificate_id")?))?,
        app_id: app_id(row)?,
        pem: text(row, "pem")?,
        created: Timestamp(number(row, "created_ms")?),
    })
}

fn push_scope(query: &mut QueryBuilder<Database>, column: &str, scoped: Option<bool>, app: Option<&String>) {
    if let Some(scoped) = scoped {
        let not = if scoped { "NOT " } else { "" };
        query.push(format!(" AND {column} IS {not}NULL"));
    }
    if let Some(app) = app {
        query.push(format!(" AND {column} = ")).push_bind(app.clone());
    }
}

fn push_equal(query: &mut QueryBuilder<Database>, column: &str, value: Option<&String>) {
    if let Some(value) = value {
        query.push(format!(" AND {column} = ")).push_bind(value.clone());
    }
}

fn push_policy(query: &mut QueryBuilder<Database>, filter: &PolicyFilter) {
    push_equal(query, "name", filter.name.as_ref());
    push_equal(query, "scope", filter.scope.as_ref());
    push_equal(query, "scope_value", filter.scope_value.as_ref());
}

impl Sqlite {
    fn action_of(&self, row: &SqliteRow) -> Result<Action> {
        let action_id = rows::id(ActionId::parse(&text(row, "action_id")?))?;
        let open = |column: &str, what: &str| -> Result<Option<Secret>> {
            let sealed: Option<Vec<u8>> = row.try_get(column).map_err(unavailable)?;
            let open = |sealed: Vec<u8>| {
                let opened = self.secrets.open(&sealed, &binding(&action_id, what));
                opened.map_err(|error| StoreError::Corrupt(format!("action {action_id}: {error}")))
            };
            sealed.map(open).transpose()
        };
        let until: Option<i64> = row.try_get("previous_until_ms").map_err(unavailable)?;
        let signing = SigningSecrets {
            current: open("signing", SIGNING)?
                .ok_or_else(|| StoreError::Corrupt(format!("action {action_id} has no secret")))?,
            previous: open("previous_signing", PREVIOUS_SIGNING)?.zip(until.map(Timestamp)),
        };
        let credentials = open("credentials", CREDENTIALS)?;
        let dead_letter_action = optional(row, "dead_letter_action")?;
        Ok(Action {
            key: ActionKey(number(row, "action_key")?),
            rule_id: rows::id(RuleId::parse(&text(row, "rule_id")?))?,
            app_id: app_id(row)?,
            channel: text(row, "channel")?,
            detail: text(row, "detail")?,
            credentials,
            signing,
            dead_letter_action: dead_letter_action
                .map(|found| rows::id(ActionId::parse(&found)))
                .transpose()?,
            paused: row.try_get("paused").map_err(unavailable)?,
            after: Position(number(row, "after_position")?),
            created: Timestamp(number(row, "created_ms")?),
            action_id,
        })
    }

    async fn one<T>(
        &self,
        select: &str,
        column: &str,
        id: &str,
        read: impl Fn(&SqliteRow) -> Result<T>,
    ) -> Result<Option<T>> {
        let sql = format!("{select} WHERE {column} = ?");
        let row = sqlx::query(AssertSqlSafe(sql)).bind(id);
        let row = row.fetch_optional(&self.pool).await.map_err(unavailable)?;
        row.map(|row| read(&row)).transpose()
    }

    /// Makes a change and reads the record as it left it.
    async fn changed(&self, change: RoutingChange, told: Told<()>, bytes: usize) -> Result<bool> {
        let outcome: RoutingOutcome = self
            .change(Change::Routing(Box::new(change), told), bytes)
            .await?;
        Ok(outcome == RoutingOutcome::Done)
    }
}

/// A record that was just made and is gone already.
fn gone<T>(record: Option<T>) -> Result<T> {
    record.ok_or_else(|| StoreError::Unavailable("it was deleted at once".to_owned()))
}

#[async_trait]
impl RoutingStore for Sqlite {
    async fn create_rule(&self, new: NewRule, change: Told<()>) -> Result<Rule> {
        let id = new.rule_id.clone();
        self.changed(RoutingChange::CreateRule(new), change, 8192).await?;
        gone(self.rule(&id).await?)
    }

    async fn rule(&self, rule_id: &RuleId) -> Result<Option<Rule>> {
        self.one(RULE, "rule_id", rule_id.as_str(), rule).await
    }

    async fn list_rules(&self, filter: &RuleFilter, page: PageRequest) -> Result<Page<Rule>> {
        let conditions = |query: &mut QueryBuilder<Database>| {
            push_equal(query, "resource", filter.resource.as_ref());
            push_equal(query, "event", filter.event.as_ref());
            push_equal(query, "name", filter.name.as_ref());
            push_scope(query, "app_id", filter.scoped, filter.app_id.as_ref());
            if let Some(active) = filter.active {
                query.push(" AND active = ").push_bind(active);
            }
        };
        let (found, total) = self.page(RULE, ("rules", "rule_key"), page, conditions).await?;
        let items = found.iter().map(rule).collect::<Result<_>>()?;
        Ok(Page { items, total })
    }

    async fn update_rule(
        &self,
        rule_id: &RuleId,
        patch: RulePatch,
        change: Told<()>,
    ) -> Result<Option<Rule>> {
        let update = RoutingChange::UpdateRule(rule_id.clone(), patch);
        if !self.changed(update, change, 8192).await? {
            return Ok(None);
        }
        self.rule(rule_id).await
    }

    async fn delete_rule(&self, rule_id: &RuleId, change: Told<()>) -> Result<bool> {
        self.changed(RoutingChange::DeleteRule(rule_id.clone()), change, 0)
            .await
    }

    async fn rule_versions(&self) -> Result<Vec<RuleVersion>> {
        let found = sqlx::query(
            "SELECT r.rule_id, r.name, r.description, r.resource, r.event, r.app_id, v.after_position, v.active,
                 v.select_text, v.where_text
             FROM rule_versions v JOIN rules r ON r.rule_key = v.rule_key ORDER BY v.rule_key, v.after_position",
        );
        let found = found.fetch_all(&self.pool).await.map_err(unavailable)?;
        found.iter().map(rule_version).collect()
    }

    async fn create_action(&self, new: NewAction, change: Told<()>) -> Result<Option<Action>> {
        let id = new.action_id.clone();
        if !self
            .changed(RoutingChange::CreateAction(new), change, 8192)
            .await?
        {
            return Ok(None);
        }
        self.action(&id).await
    }

    async fn action(&self, action_id: &ActionId) -> Result<Option<Action>> {
        let read = |row: &SqliteRow| self.action_of(row);
        self.one(ACTION, "a.action_id", action_id.as_str(), read).await
    }

    async fn actions(&self) -> Result<Vec<Action>> {
        let found = sqlx::query(AssertSqlSafe(format!("{ACTION} ORDER BY a.action_key")));
        let found = found.fetch_all(&self.pool).await.map_err(unavailable)?;
        found.iter().map(|row| self.action_of(row)).collect()
    }

    async fn list_actions(&self, filter: &ActionFilter, page: PageRequest) -> Result<Page<Action>> {
        let conditions = |query: &mut QueryBuilder<Database>| {
            push_equal(query, "channel", filter.channel.as_ref());
            query.push(" AND a.rule_key IN (SELECT rule_key FROM rules WHERE 1 = 1");
            push_equal(query, "rule_id", filter.rule_id.as_ref());
            push_scope(query, "app_id", filter.scoped, filter.app_id.as_ref());
            query.push(")");
        };
        let (found, total) = self
            .page(ACTION, ("actions a", "a.action_key"), page, conditions)
            .await?;
        let items = found
            .iter()
            .map(|row| self.action_of(row))
            .collect::<Result<_>>()?;
        Ok(Page { items, total })
    }

    async fn update_action(
        &self,
        action_id: &ActionId,
        patch: ActionPatch,
        change: Told<()>,
    ) -> Result<Option<Action>> {
        let update = RoutingChange::UpdateAction(action_id.clone(), patch);
        if !self.changed(update, change, 8192).await? {
            return Ok(None);
        }
        self.action(action_id).await
    }

    async fn delete_action(&self, action_id: &ActionId, change: Told<()>) -> Result<bool> {
        self.changed(RoutingChange::DeleteAction(action_id.clone()), change, 0)
            .await
    }

    async fn create_backlog(
        &self,
        policy_id: PolicyId,
        text: BacklogText,
        change: Told<()>,
    ) -> Result<BacklogPolicy> {
        let create = RoutingChange::CreateBacklog(policy_id.clone(), text);
        self.changed(create, change, 1024).await?;
        gone(self.backlog(&policy_id).await?)
    }

    async fn backlog(&self, policy_id: &PolicyId) -> Result<Option<BacklogPolicy>> {
        self.one(BACKLOG, "policy_id", policy_id.as_str(), backlog).await
    }

    async fn list_backlogs(&self, filter: &PolicyFilter, page: PageRequest) -> Result<Page<BacklogPolicy>> {
        let table = ("backlog_policies", "policy_key");
        let conditions = |query: &mut QueryBuilder<Database>| push_policy(query, filter);
        let (found, total) = self.page(BACKLOG, table, page, conditions).await?;
        let items = found.iter().map(backlog).collect::<Result<_>>()?;
        Ok(Page { items, total })
    }

    async fn update_backlog(
        &self,
        policy_id: &PolicyId,
        text: BacklogText,
        change: Told<()>,
    ) -> Result<Option<BacklogPolicy>> {
        let update = RoutingChange::UpdateBacklog(policy_id.clone(), text);
        if !self.changed(update, change, 1024).await? {
            return Ok(None);
        }
        self.backlog(policy_id).await
    }

    async fn delete_backlog(&self, policy_id: &PolicyId, change: Told<()>) -> Result<bool> {
        self.changed(RoutingChange::DeleteBacklog(policy_id.clone()), change, 0)
            .await
    }

    async fn create_flow_control(
        &self,
        policy_id: PolicyId,
        text: FlowControlText,
        change: Told<()>,
    ) -> Result<FlowControlPolicy> {
        let create = RoutingChange::CreateFlowControl(policy_id.clone(), text);
        self.changed(create, change, 1024).await?;
        gone(self.flow_control(&policy_id).await?)
    }

    async fn flow_control(&self, policy_id: &PolicyId) -> Result<Option<FlowControlPolicy>> {
        self.one(FLOW_CONTROL, "policy_id", policy_id.as_str(), flow_control)
            .await
    }

    async fn list_flow_controls(
        &self,
        filter: &PolicyFilter,
        page: PageRequest,
    ) -> Result<Page<FlowControlPolicy>> {
        let table = ("flow_control_policies", "policy_key");
        let conditions = |query: &mut QueryBuilder<Database>| push_policy(query, filter);
        let (found, total) = self.page(FLOW_CONTROL, table, page, conditions).await?;
        let items = found.iter().map(flow_control).collect::<Result<_>>()?;
        Ok(Page { items, total })
    }

    async fn update_flow_control(
        &self,
        policy_id: &PolicyId,
        text: FlowControlText,
        change: Told<()>,
    ) -> Result<Option<FlowControlPolicy>> {
        let update = RoutingChange::UpdateFlowControl(policy_id.clone(), text);
        if !self.changed(update, change, 1024).await? {
            return Ok(None);
        }
        self.flow_control(policy_id).await
    }

    async fn delete_flow_control(&self, policy_id: &PolicyId, change: Told<()>) -> Result<bool> {
        self.changed(RoutingChange::DeleteFlowControl(policy_id.clone()), change, 0)
            .await
    }

    async fn create_certificate(
        &self,
        certificate_id: CertificateId,
        app_id: Option<AppId>,
        pem: String,
        change: Told<()>,
    ) -> Result<CaCertificate> {
        let bytes = pem.len();
        let create = RoutingChange::CreateCertificate(certificate_id.clone(), app_id, pem);
        self.changed(create, change, bytes).await?;
        gone(self.certificate(&certificate_id).await?)
    }

    async fn certificate(&self, certificate_id: &CertificateId) -> Result<Option<CaCertificate>> {
        self.one(
            CERTIFICATE,
            "certificate_id",
            certificate_id.as_str(),
            certificate,
        )
        .await
    }

    async fn list_certificates(
        &self,
        app_id: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<CaCertificate>> {
        let app_id = app_id.map(str::to_owned);
        let conditions =
            |query: &mut QueryBuilder<Database>| push_scope(query, "app_id", None, app_id.as_ref());
        let table = ("ca_certificates", "certificate_key");
        let (found, total) = self.page(CERTIFICATE, table, page, conditions).await?;
        let items = found.iter().map(certificate).collect::<Result<_>>()?;
        Ok(Page { items, total })
    }

    async fn update_certificate(
        &self,
        certificate_id: &CertificateId,
        pem: String,
        change: Told<()>,
    ) -> Result<Option<CaCertificate>> {
        let bytes = pem.len();
        let update = RoutingChange::UpdateCertificate(certificate_id.clone(), pem);
        if !self.changed(update, change, bytes).await? {
            return Ok(None);
        }
        self.certificate(certificate_id).await
    }

    async fn delete_certificate(&self, certificate_id: &CertificateId, change: Told<()>) -> Result<bool> {
        let delete = RoutingChange::DeleteCertificate(certificate_id.clone());
        self.changed(delete, change, 0).await
    }
}
