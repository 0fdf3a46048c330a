-- AlterTable
ALTER TABLE "Schedule" ADD COLUMN     "refusal" TEXT,
ADD COLUMN     "seenAnalysisId" TEXT;

-- A schedule's own failures were told as failed runs: who wanted to hear of them still does.
UPDATE "Webhook" SET "events" = "events" || '["schedule.failed"]' WHERE "events" @> '["run.failed"]';
