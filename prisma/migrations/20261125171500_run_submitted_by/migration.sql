-- AlterTable
ALTER TABLE "Run" ADD COLUMN     "submittedBy" TEXT;
