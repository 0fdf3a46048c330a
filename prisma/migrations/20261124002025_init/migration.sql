-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateTable
CREATE TABLE "Dataset" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "path" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'checking',
    "givenModality" JSONB,
    "givenLabels" JSONB,
    "failure" TEXT,
    "workflowStarted" BOOLEAN NOT NULL DEFAULT false,
    "idempotencyKey" TEXT,
    "requestSha256" TEXT,
    "analysisId" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Dataset_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Analysis" (
    "id" TEXT NOT NULL,
    "datasetId" TEXT NOT NULL,
    "owner" TEXT NOT NULL,
    "layout" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "labels" JSONB NOT NULL,
    "modalities" JSONB NOT NULL,
    "findings" JSONB NOT NULL,
    "errors" INTEGER NOT NULL,
    "warnings" INTEGER NOT NULL,
    "trainingCases" INTEGER NOT NULL,
    "testingCases" INTEGER NOT NULL,
    "summary" JSONB,
    "device" JSONB NOT NULL,
    "check" JSONB NOT NULL,
    "analysis" JSONB,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Analysis_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "DatasetCase" (
    "analysisId" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "caseId" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "images" JSONB NOT NULL,
    "label" TEXT,
    "fold" INTEGER,
    "patient" TEXT,
    "valid" BOOLEAN NOT NULL,
    "sha256" TEXT,
    "shape" JSONB,
    "spacingMm" JSONB,

    CONSTRAINT "DatasetCase_pkey" PRIMARY KEY ("analysisId","position")
);

-- CreateTable
CREATE TABLE "Run" (
    "id" TEXT NOT NULL,
    "idempotencyKey" TEXT,
    "requestSha256" TEXT NOT NULL,
    "request" JSONB NOT NULL,
    "name" TEXT NOT NULL,
    "datasetId" TEXT NOT NULL,
    "analysisId" TEXT,
    "state" TEXT NOT NULL DEFAULT 'queued',
    "stage" TEXT NOT NULL DEFAULT 'queued',
    "message" TEXT NOT NULL DEFAULT 'Waiting to start.',
    "seed" INTEGER NOT NULL,
    "folds" INTEGER,
    "device" JSONB,
    "workflowStarted" BOOLEAN NOT NULL DEFAULT false,
    "failure" JSONB,
    "budgetMs" BIGINT,
    "plannedTrials" INTEGER,
    "plannedUntil" TIMESTAMPTZ(3),
    "progress" DOUBLE PRECISION NOT NULL DEFAULT 0,
    "bestDice" DOUBLE PRECISION,
    "testDice" DOUBLE PRECISION,
    "casesArtifact" JSONB,
    "pausedAt" TIMESTAMPTZ(3),
    "pausedMs" INTEGER NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "startedAt" TIMESTAMPTZ(3),
    "finishedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Run_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Bundle" (
    "runId" TEXT NOT NULL,
    "algorithm" TEXT NOT NULL,
    "fold" INTEGER NOT NULL,
    "plan" JSONB NOT NULL,
    "planArtifact" JSONB NOT NULL,
    "probe" JSONB,

    CONSTRAINT "Bundle_pkey" PRIMARY KEY ("runId","algorithm","fold")
);

-- CreateTable
CREATE TABLE "Study" (
    "runId" TEXT NOT NULL,
    "space" JSONB NOT NULL,
    "settings" JSONB NOT NULL,
    "firstPoints" JSONB NOT NULL,
    "seed" INTEGER NOT NULL,
    "schedule" JSONB NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Study_pkey" PRIMARY KEY ("runId")
);

-- CreateTable
CREATE TABLE "Trial" (
    "id" TEXT NOT NULL,
    "runId" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "algorithm" TEXT NOT NULL,
    "fold" INTEGER NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'waiting',
    "point" JSONB NOT NULL,
    "steps" INTEGER NOT NULL,
    "seed" INTEGER NOT NULL,
    "sourceTrialId" TEXT,
    "planArtifact" JSONB,
    "step" INTEGER NOT NULL DEFAULT 0,
    "bestStep" INTEGER,
    "bestDice" DOUBLE PRECISION,
    "diceByClass" JSONB NOT NULL DEFAULT '{}',
    "reason" TEXT,
    "lease" INTEGER NOT NULL DEFAULT 0,
    "progress" JSONB,
    "progressLease" INTEGER NOT NULL DEFAULT 0,
    "progressAttempt" INTEGER NOT NULL DEFAULT 0,
    "checkpoint" JSONB,
    "lastCheckpoint" JSONB,
    "predictions" JSONB,
    "trainMs" DOUBLE PRECISION,
    "stepMs" DOUBLE PRECISION,
    "validationMs" DOUBLE PRECISION,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "startedAt" TIMESTAMPTZ(3),
    "finishedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Trial_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "MetricPoint" (
    "trialId" TEXT NOT NULL,
    "series" TEXT NOT NULL,
    "step" INTEGER NOT NULL,
    "value" DOUBLE PRECISION NOT NULL,
    "lease" INTEGER NOT NULL,
    "attempt" INTEGER NOT NULL,

    CONSTRAINT "MetricPoint_pkey" PRIMARY KEY ("trialId","series","step")
);

-- CreateTable
CREATE TABLE "IntermediateValue" (
    "trialId" TEXT NOT NULL,
    "step" INTEGER NOT NULL,
    "value" DOUBLE PRECISION NOT NULL,
    "lease" INTEGER NOT NULL,
    "attempt" INTEGER NOT NULL,
    "stop" BOOLEAN NOT NULL,
    "reason" TEXT,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "IntermediateValue_pkey" PRIMARY KEY ("trialId","step")
);

-- CreateTable
CREATE TABLE "CaseScore" (
    "ownerId" TEXT NOT NULL,
    "caseId" TEXT NOT NULL,
    "runId" TEXT NOT NULL,
    "trialId" TEXT,
    "ensembleRunId" TEXT,
    "dice" DOUBLE PRECISION,
    "scores" JSONB NOT NULL,
    "labelMap" JSONB,
    "probabilities" JSONB,

    CONSTRAINT "CaseScore_pkey" PRIMARY KEY ("ownerId","caseId")
);

-- CreateTable
CREATE TABLE "Artifact" (
    "id" TEXT NOT NULL,
    "runId" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "uri" TEXT NOT NULL,
    "sha256" TEXT NOT NULL,
    "bytes" BIGINT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Artifact_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Ensemble" (
    "runId" TEXT NOT NULL,
    "plan" JSONB NOT NULL,
    "test" JSONB,
    "testDice" DOUBLE PRECISION,
    "testHd95Mm" DOUBLE PRECISION,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Ensemble_pkey" PRIMARY KEY ("runId")
);

-- CreateTable
CREATE TABLE "EnsembleMember" (
    "runId" TEXT NOT NULL,
    "trialId" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "algorithm" TEXT NOT NULL,
    "fold" INTEGER NOT NULL,
    "validationDice" DOUBLE PRECISION,

    CONSTRAINT "EnsembleMember_pkey" PRIMARY KEY ("runId","trialId")
);

-- CreateTable
CREATE TABLE "RunEvent" (
    "id" BIGSERIAL NOT NULL,
    "runId" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "data" JSONB NOT NULL DEFAULT '{}',
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "RunEvent_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "Dataset_idempotencyKey_key" ON "Dataset"("idempotencyKey");

-- CreateIndex
CREATE UNIQUE INDEX "Dataset_analysisId_key" ON "Dataset"("analysisId");

-- CreateIndex
CREATE INDEX "Dataset_createdAt_id_idx" ON "Dataset"("createdAt", "id");

-- CreateIndex
CREATE INDEX "Dataset_name_idx" ON "Dataset"("name");

-- CreateIndex
CREATE INDEX "Dataset_path_idx" ON "Dataset"("path");

-- CreateIndex
CREATE INDEX "Dataset_workflowStarted_idx" ON "Dataset"("workflowStarted");

-- CreateIndex
CREATE UNIQUE INDEX "Analysis_owner_key" ON "Analysis"("owner");

-- CreateIndex
CREATE INDEX "Analysis_datasetId_idx" ON "Analysis"("datasetId");

-- CreateIndex
CREATE UNIQUE INDEX "Run_idempotencyKey_key" ON "Run"("idempotencyKey");

-- CreateIndex
CREATE INDEX "Run_createdAt_id_idx" ON "Run"("createdAt", "id");

-- CreateIndex
CREATE INDEX "Run_state_idx" ON "Run"("state");

-- CreateIndex
CREATE INDEX "Run_datasetId_idx" ON "Run"("datasetId");

-- CreateIndex
CREATE INDEX "Run_workflowStarted_idx" ON "Run"("workflowStarted");

-- CreateIndex
CREATE INDEX "Trial_runId_state_idx" ON "Trial"("runId", "state");

-- CreateIndex
CREATE UNIQUE INDEX "Trial_runId_number_key" ON "Trial"("runId", "number");

-- CreateIndex
CREATE INDEX "CaseScore_runId_idx" ON "CaseScore"("runId");

-- CreateIndex
CREATE UNIQUE INDEX "Artifact_runId_kind_name_key" ON "Artifact"("runId", "kind", "name");

-- CreateIndex
CREATE INDEX "RunEvent_runId_id_idx" ON "RunEvent"("runId", "id");

-- CreateIndex
CREATE UNIQUE INDEX "RunEvent_runId_key_key" ON "RunEvent"("runId", "key");

-- AddForeignKey
ALTER TABLE "Dataset" ADD CONSTRAINT "Dataset_analysisId_fkey" FOREIGN KEY ("analysisId") REFERENCES "Analysis"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Analysis" ADD CONSTRAINT "Analysis_datasetId_fkey" FOREIGN KEY ("datasetId") REFERENCES "Dataset"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "DatasetCase" ADD CONSTRAINT "DatasetCase_analysisId_fkey" FOREIGN KEY ("analysisId") REFERENCES "Analysis"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Run" ADD CONSTRAINT "Run_datasetId_fkey" FOREIGN KEY ("datasetId") REFERENCES "Dataset"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Run" ADD CONSTRAINT "Run_analysisId_fkey" FOREIGN KEY ("analysisId") REFERENCES "Analysis"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Bundle" ADD CONSTRAINT "Bundle_runId_fkey" FOREIGN KEY ("runId") REFERENCES "Run"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Study" ADD CONSTRAINT "Study_runId_fkey" FOREIGN KEY ("runId") REFERENCES "Run"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Trial" ADD CONSTRAINT "Trial_runId_fkey" FOREIGN KEY ("runId") REFERENCES "Run"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "MetricPoint" ADD CONSTRAINT "MetricPoint_trialId_fkey" FOREIGN KEY ("trialId") REFERENCES "Trial"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "IntermediateValue" ADD CONSTRAINT "IntermediateValue_trialId_fkey" FOREIGN KEY ("trialId") REFERENCES "Trial"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "CaseScore" ADD CONSTRAINT "CaseScore_trialId_fkey" FOREIGN KEY ("trialId") REFERENCES "Trial"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "CaseScore" ADD CONSTRAINT "CaseScore_ensembleRunId_fkey" FOREIGN KEY ("ensembleRunId") REFERENCES "Ensemble"("runId") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Artifact" ADD CONSTRAINT "Artifact_runId_fkey" FOREIGN KEY ("runId") REFERENCES "Run"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Ensemble" ADD CONSTRAINT "Ensemble_runId_fkey" FOREIGN KEY ("runId") REFERENCES "Run"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "EnsembleMember" ADD CONSTRAINT "EnsembleMember_runId_fkey" FOREIGN KEY ("runId") REFERENCES "Ensemble"("runId") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "RunEvent" ADD CONSTRAINT "RunEvent_runId_fkey" FOREIGN KEY ("runId") REFERENCES "Run"("id") ON DELETE CASCADE ON UPDATE CASCADE;
