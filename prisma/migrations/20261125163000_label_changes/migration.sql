-- CreateTable
CREATE TABLE "LabelChange" (
    "id" TEXT NOT NULL,
    "datasetId" TEXT NOT NULL,
    "caseId" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "sha256" TEXT,
    "previousSha256" TEXT,
    "note" TEXT,
    "by" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "LabelChange_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "LabelChange_datasetId_id_idx" ON "LabelChange"("datasetId", "id");

-- AddForeignKey
ALTER TABLE "LabelChange" ADD CONSTRAINT "LabelChange_datasetId_fkey" FOREIGN KEY ("datasetId") REFERENCES "Dataset"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- An audit log as that of promotions: the database refuses to change it.
CREATE TRIGGER "LabelChange_kept" BEFORE UPDATE OR DELETE ON "LabelChange" FOR EACH ROW EXECUTE FUNCTION voxhelm_refuse_change();
