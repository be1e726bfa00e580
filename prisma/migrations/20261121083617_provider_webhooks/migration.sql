-- AlterTable
ALTER TABLE "AuthConfig" ADD COLUMN     "hasWebhookSecret" BOOLEAN NOT NULL DEFAULT false;
