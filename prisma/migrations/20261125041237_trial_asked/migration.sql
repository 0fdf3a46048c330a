-- AlterTable
ALTER TABLE "Trial" ADD COLUMN     "asked" JSONB;
