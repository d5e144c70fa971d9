//! Resource spaces.

use super::super::{Columns, Session, Statement, rows};
use super::Changes;
use crate::domain::ids::{AppId, CertificateId, RuleId};
use crate::storage::{App, AppDeletion, Change as Told, Result};

impl<S: Session> Changes<'_, S> {
    pub(super) async fn create_app(&mut self, app_id: AppId, name: String, told: Told<App>) -> Result<App> {
        self.session
            .execute(
                Statement::new(
                    "INSERT INTO apps (app_id, name, is_default, created_ms) VALUES ($1, $2, $3, $4)",
                )
                .bind(app_id.as_str())
                .bind(&name)
                .bind(false)
                .bind(told.at.0),
            )
            .await?;
        let created = told.at;
        self.done(told.at, told.request_id, told.deed).await?;
        Ok(App {
            app_id,
            name,
            is_default: false,
            created,
        })
    }

    pub(super) async fn rename_app(
        &mut self,
        app_id: &AppId,
        name: &str,
        told: Told<App>,
    ) -> Result<Option<App>> {
        let update = Statement::new("UPDATE apps SET name = $1 WHERE app_id = $2")
            .bind(name)
            .bind(app_id.as_str());
        self.session.execute(update).await?;
        let Some(app) = self.app(app_id).await? else {
            return Ok(None);
        };
        self.done(told.at, told.request_id, told.deed).await?;
        Ok(Some(app))
    }

    pub(super) async fn delete_app(&mut self, app_id: &AppId, told: Told<App>) -> Result<AppDeletion> {
        let Some(app) = self.app(app_id).await? else {
            return Ok(AppDeletion::NotFound);
        };
        if app.is_default {
            return Ok(AppDeletion::IsDefault);
        }
        let used =
            Statement::new("SELECT 1 FROM products JOIN apps USING (app_key) WHERE app_id = $1 LIMIT 1");
        if self.first(used.bind(app_id.as_str())).await?.is_some() {
            return Ok(AppDeletion::HasProducts);
        }
        let rule = Statement::new("SELECT rule_id FROM rules WHERE app_id = $1 ORDER BY rule_key LIMIT 1");
        if let Some(row) = self.first(rule.bind(app_id.as_str())).await? {
            return Ok(AppDeletion::HasRule(rows::id(RuleId::parse(
                &row.text("rule_id")?,
            ))?));
        }
        let certificate = Statement::new(
            "SELECT certificate_id FROM ca_certificates WHERE app_id = $1 ORDER BY certificate_key LIMIT 1",
        );
        if let Some(row) = self.first(certificate.bind(app_id.as_str())).await? {
            let id = CertificateId::parse(&row.text("certificate_id")?);
            return Ok(AppDeletion::HasCertificate(rows::id(id)?));
        }
        let delete = Statement::new("DELETE FROM apps WHERE app_id = $1").bind(app_id.as_str());
        self.session.execute(delete).await?;
        self.done(told.at, told.request_id, told.deed).await?;
        Ok(AppDeletion::Deleted)
    }

    async fn app(&mut self, app_id: &AppId) -> Result<Option<App>> {
        let row = Statement::new("SELECT * FROM apps WHERE app_id = $1").bind(app_id.as_str());
        let row = self.first(row).await?;
        row.map(|row| rows::app(&row)).transpose()
    }
}
