-- AlterTable
ALTER TABLE "IntermediateValue" ADD COLUMN     "cases" JSONB;
