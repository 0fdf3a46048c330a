-- DropIndex
DROP INDEX "Promotion_datasetId_id_idx";

-- AlterTable
-- Rows that are there are numbered in the order in which they lie, which is that of their commits: none was ever changed.
ALTER TABLE "Promotion" ADD COLUMN     "sequence" BIGSERIAL NOT NULL;

-- CreateIndex
CREATE UNIQUE INDEX "Promotion_sequence_key" ON "Promotion"("sequence");

-- CreateIndex
CREATE INDEX "Promotion_datasetId_sequence_idx" ON "Promotion"("datasetId", "sequence");
