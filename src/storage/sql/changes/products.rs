//! Products.

use super::super::{Columns, Session, Statement, rows};
use super::Changes;
use crate::domain::event::EventKind;
use crate::domain::ids::ProductKey;
use crate::storage::{
    Change as Told, NewProduct, Product, ProductCreation, ProductDeletion, ProductPatch, RegistryChange,
    Result, StoreError,
};

impl<S: Session> Changes<'_, S> {
    pub(super) async fn create_product(
        &mut self,
        new: NewProduct,
        told: Told<Product>,
    ) -> Result<ProductCreation> {
        let app = Statement::new("SELECT app_key FROM apps WHERE app_id = $1").bind(new.app_id.as_str());
        let Some(app) = self.first(app).await? else {
            return Ok(ProductCreation::NoApp);
        };
        let attributes = new.attributes;
        let insert = Statement::new(
            "INSERT INTO products (app_key, product_id, name, device_type, protocol_type, data_format,
                 manufacturer_name, industry, description, service_capabilities, validation_mode, require_sign_type_1,
                 created_ms)
             VALUES ($1, $2, $3, $4, $5, $6, nullif($7, ''), nullif($8, ''), nullif($9, ''), $10, $11, $12, $13) ON CONFLICT (product_id, app_key) DO NOTHING
             RETURNING product_key",
        )
        .bind(app.int_at(0)?)
        .bind(new.product_id.as_str())
        .bind(&attributes.name)
        .bind(&attributes.device_type)
        .bind(&attributes.protocol_type)
        .bind(&attributes.data_format)
        .bind(&attributes.manufacturer_name)
        .bind(&attributes.industry)
        .bind(&attributes.description)
        .bind(&attributes.service_capabilities)
        .bind(&attributes.validation_mode)
        .bind(attributes.require_sign_type_1)
        .bind(told.at.0);
        let Some(inserted) = self.first(insert).await? else {
            return Ok(ProductCreation::Exists);
        };
        let key = ProductKey(inserted.int_at(0)?);
        let product = self.product(key).await?;
        let product = product
            .ok_or_else(|| StoreError::Corrupt("a product is gone right after its insert".to_owned()))?;
        self.changed.push(RegistryChange::Product(key));
        self.tell(EventKind::ProductCreated, None, &product, told).await?;
        Ok(ProductCreation::Created(Box::new(product)))
    }

    pub(super) async fn update_product(
        &mut self,
        key: ProductKey,
        patch: ProductPatch,
        told: Told<Product>,
    ) -> Result<Option<Product>> {
        self.session.execute(Statement::new(
            "UPDATE products SET name = coalesce($1, name), device_type = coalesce($2, device_type),
                 protocol_type = coalesce($3, protocol_type), data_format = coalesce($4, data_format),
                 manufacturer_name = nullif(coalesce($5, manufacturer_name), ''),
                 industry = nullif(coalesce($6, industry), ''), description = nullif(coalesce($7, description), ''),
                 service_capabilities = coalesce($8, service_capabilities),
                 validation_mode = coalesce($9, validation_mode), require_sign_type_1 = coalesce($10, require_sign_type_1)
             WHERE product_key = $11",
        )
        .bind(&patch.name)
        .bind(&patch.device_type)
        .bind(&patch.protocol_type)
        .bind(&patch.data_format)
        .bind(&patch.manufacturer_name)
        .bind(&patch.industry)
        .bind(&patch.description)
        .bind(&patch.service_capabilities)
        .bind(&patch.validation_mode)
        .bind(patch.require_sign_type_1)
        .bind(key.0)).await?;
        let Some(product) = self.product(key).await? else {
            return Ok(None);
        };
        self.changed.push(RegistryChange::Product(key));
        self.tell(EventKind::ProductUpdated, None, &product, told).await?;
        Ok(Some(product))
    }

    pub(super) async fn delete_product(
        &mut self,
        key: ProductKey,
        told: Told<Product>,
    ) -> Result<ProductDeletion> {
        let Some(product) = self.product(key).await? else {
            return Ok(ProductDeletion::NotFound);
        };
        if self
            .any("SELECT 1 FROM devices WHERE product_key = $1 LIMIT 1", key.0)
            .await?
        {
            return Ok(ProductDeletion::HasDevices);
        }
        let delete = Statement::new("DELETE FROM products WHERE product_key = $1").bind(key.0);
        self.session.execute(delete).await?;
        self.changed.push(RegistryChange::Product(key));
        self.tell(EventKind::ProductDeleted, None, &product, told).await?;
        Ok(ProductDeletion::Deleted)
    }

    pub(super) async fn product(&mut self, key: ProductKey) -> Result<Option<Product>> {
        let row = self.row(rows::PRODUCT, "p.product_key", key.0).await?;
        row.map(|row| rows::product(&row)).transpose()
    }
}
