-- AlterTable
ALTER TABLE "ConnectionRequest" ADD COLUMN     "closed" BOOLEAN NOT NULL DEFAULT false;
