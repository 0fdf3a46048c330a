-- AlterTable
ALTER TABLE "Trial" ADD COLUMN     "waitMs" DOUBLE PRECISION;
