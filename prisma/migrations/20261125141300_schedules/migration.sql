-- AlterTable
ALTER TABLE "DatasetCase" ADD COLUMN     "voxelSha256" TEXT;

-- AlterTable
ALTER TABLE "Run" ADD COLUMN     "firingId" TEXT,
ADD COLUMN     "retraining" JSONB;

-- CreateTable
CREATE TABLE "Champion" (
    "datasetId" TEXT NOT NULL,
    "runId" TEXT NOT NULL,
    "promotionId" TEXT NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Champion_pkey" PRIMARY KEY ("datasetId")
);

-- CreateTable
CREATE TABLE "Promotion" (
    "id" TEXT NOT NULL,
    "datasetId" TEXT NOT NULL,
    "runId" TEXT NOT NULL,
    "previousRunId" TEXT,
    "kind" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "by" TEXT NOT NULL,
    "comparison" JSONB,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Promotion_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ComparisonCase" (
    "datasetId" TEXT NOT NULL,
    "caseId" TEXT NOT NULL,
    "sha256" TEXT NOT NULL,
    "voxelSha256" TEXT,
    "patient" TEXT,
    "addedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ComparisonCase_pkey" PRIMARY KEY ("datasetId","caseId")
);

-- CreateTable
CREATE TABLE "ComparisonScore" (
    "runId" TEXT NOT NULL,
    "caseId" TEXT NOT NULL,
    "sha256" TEXT NOT NULL,
    "dice" DOUBLE PRECISION,
    "scores" JSONB NOT NULL,

    CONSTRAINT "ComparisonScore_pkey" PRIMARY KEY ("runId","caseId","sha256")
);

-- CreateTable
CREATE TABLE "Schedule" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "datasetId" TEXT NOT NULL,
    "settings" JSONB NOT NULL,
    "paused" BOOLEAN NOT NULL DEFAULT false,
    "note" TEXT,
    "synced" BOOLEAN NOT NULL DEFAULT false,
    "revision" INTEGER NOT NULL DEFAULT 0,
    "deletedAt" TIMESTAMPTZ(3),
    "forced" BOOLEAN NOT NULL DEFAULT false,
    "seenListing" TEXT,
    "idempotencyKey" TEXT,
    "requestSha256" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Schedule_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Firing" (
    "id" TEXT NOT NULL,
    "scheduleId" TEXT NOT NULL,
    "workflowKey" TEXT NOT NULL,
    "scheduledAt" TIMESTAMPTZ(3) NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'checking',
    "message" TEXT NOT NULL DEFAULT 'Looking for new cases.',
    "forced" BOOLEAN NOT NULL DEFAULT false,
    "findings" JSONB,
    "drift" DOUBLE PRECISION,
    "analysisId" TEXT,
    "reusedCases" INTEGER,
    "championRunId" TEXT,
    "challengerRunId" TEXT,
    "comparison" JSONB,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "finishedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Firing_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Suggestion" (
    "id" TEXT NOT NULL,
    "datasetId" TEXT NOT NULL,
    "runId" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'working',
    "message" TEXT NOT NULL DEFAULT 'Waiting for a trainer.',
    "cases" JSONB NOT NULL DEFAULT '[]',
    "analysisId" TEXT,
    "workflowStarted" BOOLEAN NOT NULL DEFAULT false,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "finishedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Suggestion_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Webhook" (
    "id" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "secret" TEXT NOT NULL,
    "events" JSONB NOT NULL,
    "datasetId" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Webhook_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "WebhookDelivery" (
    "id" TEXT NOT NULL,
    "webhookId" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "event" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'waiting',
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "nextAttemptAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastStatus" INTEGER,
    "lastError" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deliveredAt" TIMESTAMPTZ(3),

    CONSTRAINT "WebhookDelivery_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "Champion_promotionId_key" ON "Champion"("promotionId");

-- CreateIndex
CREATE INDEX "Champion_runId_idx" ON "Champion"("runId");

-- CreateIndex
CREATE INDEX "Promotion_datasetId_id_idx" ON "Promotion"("datasetId", "id");

-- CreateIndex
CREATE INDEX "Promotion_runId_idx" ON "Promotion"("runId");

-- CreateIndex
CREATE UNIQUE INDEX "Schedule_idempotencyKey_key" ON "Schedule"("idempotencyKey");

-- CreateIndex
CREATE INDEX "Schedule_datasetId_idx" ON "Schedule"("datasetId");

-- CreateIndex
CREATE INDEX "Schedule_synced_idx" ON "Schedule"("synced");

-- CreateIndex
CREATE UNIQUE INDEX "Firing_workflowKey_key" ON "Firing"("workflowKey");

-- CreateIndex
CREATE INDEX "Firing_scheduleId_id_idx" ON "Firing"("scheduleId", "id");

-- CreateIndex
CREATE INDEX "Suggestion_datasetId_id_idx" ON "Suggestion"("datasetId", "id");

-- CreateIndex
CREATE INDEX "Suggestion_workflowStarted_idx" ON "Suggestion"("workflowStarted");

-- CreateIndex
CREATE INDEX "WebhookDelivery_state_nextAttemptAt_idx" ON "WebhookDelivery"("state", "nextAttemptAt");

-- CreateIndex
CREATE UNIQUE INDEX "WebhookDelivery_webhookId_key_key" ON "WebhookDelivery"("webhookId", "key");

-- CreateIndex
CREATE INDEX "Run_firingId_idx" ON "Run"("firingId");

-- AddForeignKey
ALTER TABLE "Run" ADD CONSTRAINT "Run_firingId_fkey" FOREIGN KEY ("firingId") REFERENCES "Firing"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Champion" ADD CONSTRAINT "Champion_datasetId_fkey" FOREIGN KEY ("datasetId") REFERENCES "Dataset"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Champion" ADD CONSTRAINT "Champion_runId_fkey" FOREIGN KEY ("runId") REFERENCES "Run"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Champion" ADD CONSTRAINT "Champion_promotionId_fkey" FOREIGN KEY ("promotionId") REFERENCES "Promotion"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Promotion" ADD CONSTRAINT "Promotion_datasetId_fkey" FOREIGN KEY ("datasetId") REFERENCES "Dataset"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Promotion" ADD CONSTRAINT "Promotion_runId_fkey" FOREIGN KEY ("runId") REFERENCES "Run"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ComparisonCase" ADD CONSTRAINT "ComparisonCase_datasetId_fkey" FOREIGN KEY ("datasetId") REFERENCES "Dataset"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ComparisonScore" ADD CONSTRAINT "ComparisonScore_runId_fkey" FOREIGN KEY ("runId") REFERENCES "Run"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Schedule" ADD CONSTRAINT "Schedule_datasetId_fkey" FOREIGN KEY ("datasetId") REFERENCES "Dataset"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Firing" ADD CONSTRAINT "Firing_scheduleId_fkey" FOREIGN KEY ("scheduleId") REFERENCES "Schedule"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Suggestion" ADD CONSTRAINT "Suggestion_datasetId_fkey" FOREIGN KEY ("datasetId") REFERENCES "Dataset"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "WebhookDelivery" ADD CONSTRAINT "WebhookDelivery_webhookId_fkey" FOREIGN KEY ("webhookId") REFERENCES "Webhook"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- What must never change, whoever writes: the audit log, the comparison cases, and that a dataset which has a champion
-- keeps one. Only the removal of the whole dataset (a cascade, hence a trigger within a trigger) takes them along.
-- (\x3B is the semicolon, at which Prisma's engine would cut the script.)
CREATE FUNCTION voxhelm_refuse_change() RETURNS trigger LANGUAGE plpgsql AS E'BEGIN
  IF TG_OP = ''DELETE'' AND pg_trigger_depth() > 1 THEN RETURN OLD\x3B END IF\x3B
  RAISE EXCEPTION ''% of "%" is refused: its rows are kept for ever'', TG_OP, TG_TABLE_NAME USING ERRCODE = ''restrict_violation''\x3B
END';
CREATE TRIGGER "Promotion_kept" BEFORE UPDATE OR DELETE ON "Promotion" FOR EACH ROW EXECUTE FUNCTION voxhelm_refuse_change();
CREATE TRIGGER "ComparisonCase_kept" BEFORE UPDATE OR DELETE ON "ComparisonCase" FOR EACH ROW EXECUTE FUNCTION voxhelm_refuse_change();
CREATE TRIGGER "Champion_kept" BEFORE DELETE ON "Champion" FOR EACH ROW EXECUTE FUNCTION voxhelm_refuse_change();
