// What the API answers and takes, by its OpenAPI document. Made by: cd tests && python -m support.api_types
declare namespace Api {
  interface PaginationMetadata {
    "total"?: number;
    "total_pages"?: number;
    "first_page"?: number;
    "last_page"?: number;
    "page"?: number;
    "previous_page"?: number;
    "next_page"?: number;
  }
  interface ProblemError {
    "field"?: string;
    "row"?: number;
    "message": string;
  }
  interface Problem {
    "type": string;
    "title": string;
    "status": number;
    "code": string;
    "detail": string;
    "errors": (ProblemError)[];
    "request_id": string;
  }
  interface Me {
    "id": number;
    "name": string;
    "email": string;
    "role": "admin" | "instructor" | "viewer";
    "may_create_courses": boolean;
    "scopes": (string)[] | null;
    "csrf_token": string | null;
  }
  interface LoginFields {
    "email": string;
    "password": string;
  }
  interface PasswordFields {
    "old_password": string;
    "new_password": string;
  }
  interface Setup {
    "needs_admin": boolean;
  }
  interface LinkFields {
    "secret": string;
  }
  interface LinkView {
    "purpose": "setup" | "invite" | "reset";
    "expires_at": string;
    "email": string | null;
    "name": string | null;
  }
  interface RedeemFields {
    "secret": string;
    "password": string;
    "email"?: string | null;
    "name"?: string | null;
  }
  interface User {
    "id": number;
    "email": string;
    "name": string;
    "role": "admin" | "instructor" | "viewer";
    "may_create_courses": boolean;
    "has_password": boolean;
    "created_at": string;
    "disabled_at": string | null;
    "version": number;
  }
  interface UserPage {
    "items": (User)[];
    "next_cursor": string | null;
  }
  interface NewUser {
    "email": string;
    "name": string;
    "role": "admin" | "instructor" | "viewer";
    "may_create_courses"?: boolean;
  }
  interface Link {
    "link": string;
    "purpose": "setup" | "invite" | "reset";
    "expires_at": string;
  }
  interface Invited {
    "user": User;
    "invitation": Link;
  }
  interface UserFields {
    "email"?: string;
    "name"?: string;
    "role"?: "admin" | "instructor" | "viewer";
    "may_create_courses"?: boolean;
  }
  interface Token {
    "id": number;
    "name": string;
    "shown": string;
    "scopes": (string)[];
    "created_at": string;
    "expires_at": string;
    "last_used_at": string | null;
    "revoked_at": string | null;
  }
  interface TokenPage {
    "items": (Token)[];
    "next_cursor": string | null;
  }
  interface TokenFields {
    "name": string;
    "scopes": ("courses:read" | "courses:write" | "people:read" | "people:write" | "faces:read" | "faces:write" | "attendance:read" | "attendance:write" | "frames:write" | "reports:read" | "model:read" | "model:write" | "admin:read" | "admin:write")[];
    "expires_in_days": number;
  }
  interface MadeToken {
    "token": Token;
    "secret": string;
  }
  interface Course {
    "code"?: string;
    "title"?: string;
    "term"?: string;
    "timezone"?: string;
    "late_after_s"?: number;
    "min_percent"?: number;
    "excused_counts"?: "left_out" | "as_present" | "as_absent";
    "late_weight"?: number;
    "id": number;
    "created_at": string;
    "archived_at": string | null;
    "version": number;
  }
  interface CoursePage {
    "items": (Course)[];
    "next_cursor": string | null;
  }
  interface NewCourse {
    "code": string;
    "title": string;
    "term": string;
    "timezone": string;
    "late_after_s"?: number;
    "min_percent"?: number;
    "excused_counts"?: "left_out" | "as_present" | "as_absent";
    "late_weight"?: number;
  }
  interface CourseFields {
    "code"?: string;
    "title"?: string;
    "term"?: string;
    "timezone"?: string;
    "late_after_s"?: number;
    "min_percent"?: number;
    "excused_counts"?: "left_out" | "as_present" | "as_absent";
    "late_weight"?: number;
  }
  interface Staff {
    "user_id": number;
    "name": string;
    "email": string;
    "is_lead": boolean;
    "may_enrol": boolean;
    "added_at": string;
  }
  interface StaffFields {
    "is_lead"?: boolean;
    "may_enrol"?: boolean | null;
  }
  interface Student {
    "id": number;
    "external_id": string;
    "name": string;
    "email": string | null;
    "status": "active" | "inactive" | "erased";
    "has_consent": boolean;
    "face_images": number;
    "may_manage": boolean;
    "created_at": string;
    "version": number;
  }
  interface StudentPage {
    "items": (Student)[];
    "next_cursor": string | null;
  }
  interface NewStudent {
    "external_id": string;
    "name": string;
    "email"?: string | null;
    "course_id"?: number | null;
    "starts_on"?: string | null;
  }
  interface StudentFields {
    "name"?: string;
    "email"?: string | null;
    "status"?: "active" | "inactive" | "erased";
    "external_id"?: string;
  }
  interface Enrolment {
    "id": number;
    "course_id": number;
    "student_id": number;
    "starts_on": string;
    "ends_on": string | null;
  }
  interface RosterEntry {
    "enrolment": Enrolment;
    "student": Student;
    "state": "enrolled" | "upcoming" | "ended";
  }
  interface RosterEntryPage {
    "items": (RosterEntry)[];
    "next_cursor": string | null;
  }
  interface NewEnrolment {
    "student_id"?: number;
    "external_id"?: string;
    "name"?: string;
    "email"?: string | null;
    "starts_on"?: string | null;
    "ends_on"?: string | null;
  }
  interface StudentReference {
    "id": number;
    "external_id": string;
    "name": string;
  }
  interface EnrolmentRequest {
    "id": number;
    "course_id": number;
    "course_code": string;
    "external_id": string;
    "name": string;
    "email": string | null;
    "starts_on": string;
    "ends_on": string | null;
    "requested_by": string;
    "requested_at": string;
    "student": StudentReference | null;
  }
  interface EnrolmentRequestPage {
    "items": (EnrolmentRequest)[];
    "next_cursor": string | null;
  }
  interface Requests {
    "ids": (number)[];
  }
  interface Left {
    "request_id": number;
    "code": string;
    "message": string;
  }
  interface Approved {
    "approved": number;
    "left": (Left)[];
  }
  interface EnrolmentDays {
    "starts_on"?: string;
    "ends_on"?: string | null;
  }
  interface FileRow {
    "number": number;
    "cells": (string)[];
  }
  interface RosterPreview {
    "encoding": string;
    "encoding_is_certain": boolean;
    "other_encodings": (string)[];
    "delimiter": "comma" | "semicolon" | "tab" | "pipe";
    "header": (string)[] | null;
    "header_is_certain": boolean;
    "columns": number;
    "row_count": number;
    "rows": (FileRow)[];
    "mapping": Record<string, number>;
  }
  interface NoStudent {
    "row": number;
    "shown": string;
    "reason": string;
  }
  interface RosterReport {
    "committed": boolean;
    "encoding": string;
    "encoding_is_certain": boolean;
    "delimiter": "comma" | "semicolon" | "tab" | "pipe";
    "header": boolean;
    "mapping": Record<string, number>;
    "rows": number;
    "new": number;
    "requested": number;
    "updated": number;
    "kept": number;
    "kept_rows": (number)[];
    "enrolled": number;
    "redated": number;
    "unchanged": number;
    "repeated": number;
    "ended": number;
    "ended_students": (string)[];
    "errors": (ProblemError)[];
    "error_total": number;
    "others": (NoStudent)[];
    "other_total": number;
  }
  interface Consent {
    "id": number;
    "student_id": number;
    "method": "paper" | "online" | "in_person" | "guardian";
    "evidence": string;
    "policy_version": string;
    "given_at": string;
    "recorded_by": number;
    "withdrawn_at": string | null;
    "withdrawn_by": number | null;
  }
  interface NewConsent {
    "method": "paper" | "online" | "in_person" | "guardian";
    "evidence"?: string;
    "policy_version"?: string | null;
    "given_at"?: string | null;
  }
  interface ErasureProgress {
    "id": number;
    "kind": "face" | "student";
    "requested_at": string;
    "completed_at": string | null;
    "steps": Record<string, any>;
    "problem": string | null;
  }
  interface Withdrawal {
    "consent": Consent;
    "erasure": ErasureProgress;
  }
  interface Quality {
    "side"?: number;
    "sharpness"?: number;
    "brightness"?: number;
    "contrast"?: number;
    "turned"?: number;
    "tilted"?: number;
    "outside"?: number;
    "probability"?: number;
  }
  interface FaceImage {
    "id": number;
    "student_id": number;
    "quality": Quality;
    "created_at": string;
    "created_by": number;
    "delete_after": string | null;
  }
  interface Refused {
    "index": number;
    "code": string;
    "message": string;
  }
  interface Enrolled {
    "stored": (FaceImage)[];
    "refused": (Refused)[];
  }
  interface Shortcoming {
    "code": string;
    "message": string;
  }
  interface Checked {
    "good": boolean;
    "shortcomings": (Shortcoming)[];
    "next_step": string;
    "pose": "front" | "left" | "right" | null;
    "quality": Quality | null;
    "box": (number)[] | null;
    "width": number;
    "height": number;
  }
  interface Deleted {
    "detail": string;
  }
  interface Rule {
    "starts_on": string;
    "ends_on": string;
    "start_time": string;
    "duration_s": number;
    "late_after_s": number | null;
    "id": number;
    "course_id": number;
    "rrule": string;
    "excluded": (string)[];
    "created_at": string;
    "sessions_made": number;
    "sessions_removed": number;
  }
  interface NewRule {
    "starts_on": string;
    "ends_on": string;
    "start_time": string;
    "duration_s": number;
    "late_after_s"?: number | null;
    "rrule"?: string;
    "weekdays"?: ("MO" | "TU" | "WE" | "TH" | "FR" | "SA" | "SU")[];
    "excluded"?: (string)[];
  }
  interface DayChanges {
    "exclude"?: (string)[];
    "include"?: (string)[];
  }
  interface Session {
    "title"?: string;
    "starts_at"?: string;
    "ends_at"?: string;
    "late_after"?: string;
    "id": number;
    "course_id": number;
    "course_code": string;
    "course_title": string;
    "timezone": string;
    "schedule_rule_id": number | null;
    "rule_date": string | null;
    "state": "scheduled" | "open" | "closed" | "locked" | "cancelled";
    "opened_at": string | null;
    "opened_by": number | null;
    "closed_at": string | null;
    "closed_by": number | null;
    "settled_at": string | null;
    "locked_at": string | null;
    "reopened_at": string | null;
    "cancelled_reason": string | null;
    "model_version": string | null;
    "thresholds": Record<string, any>;
    "version": number;
  }
  interface SessionPage {
    "items": (Session)[];
    "next_cursor": string | null;
  }
  interface DueSession {
    "session": Session;
    "review_count": number;
  }
  interface Today {
    "open": (DueSession)[];
    "today": (DueSession)[];
    "review": (DueSession)[];
  }
  interface NewSession {
    "title"?: string;
    "starts_at": string;
    "ends_at": string;
    "late_after"?: string;
  }
  interface SessionFields {
    "title"?: string;
    "starts_at"?: string;
    "ends_at"?: string;
    "late_after"?: string;
  }
  interface ReopenFields {
    "reason": string;
    "to"?: "scheduled" | "open" | "closed" | "locked" | "cancelled";
  }
  interface ReasonFields {
    "reason": string;
  }
  interface StudentOnSheet {
    "id": number;
    "external_id": string;
    "name": string;
  }
  interface CoveringExcuse {
    "id": number;
    "reason_code": string;
    "starts_on": string;
    "ends_on": string;
  }
  interface Record {
    "id": number;
    "session_id": number;
    "student": StudentOnSheet;
    "status": "unmarked" | "present" | "late" | "excused" | "absent" | "left_early";
    "source": "face" | "manual" | "import" | "auto_close" | null;
    "first_seen_at": string | null;
    "last_seen_at": string | null;
    "updated_at": string;
    "version": number;
    "etag": string;
    "excuse": CoveringExcuse | null;
    "has_consent": boolean;
    "is_enrolled": boolean;
  }
  interface Sheet {
    "session_id": number;
    "state": "scheduled" | "open" | "closed" | "locked" | "cancelled";
    "settled_at": string | null;
    "counts": Record<string, number>;
    "items": (Record)[];
  }
  interface BulkItem {
    "record_id"?: number | null;
    "student_id"?: number | null;
    "status": "unmarked" | "present" | "late" | "excused" | "absent" | "left_early";
    "version"?: number | null;
  }
  interface BulkFields {
    "items": (BulkItem)[];
    "reason_code": "arrived_unseen" | "not_me" | "misrecognised" | "excuse_received" | "left_early" | "undo" | "correction" | "other";
    "text"?: string;
  }
  interface ImportedMark {
    "external_id": string;
    "status": "unmarked" | "present" | "late" | "excused" | "absent" | "left_early";
  }
  interface ImportFields {
    "rows": (ImportedMark)[];
    "text"?: string;
  }
  interface CorrectionFields {
    "status"?: "unmarked" | "present" | "late" | "excused" | "absent" | "left_early" | null;
    "reason_code": "arrived_unseen" | "not_me" | "misrecognised" | "excuse_received" | "left_early" | "undo" | "correction" | "other";
    "text"?: string;
  }
  interface Change {
    "id": number;
    "old_status": "unmarked" | "present" | "late" | "excused" | "absent" | "left_early";
    "new_status": "unmarked" | "present" | "late" | "excused" | "absent" | "left_early";
    "source": "face" | "manual" | "import" | "auto_close";
    "actor_id": number | null;
    "actor_name": string | null;
    "reason_code": string;
    "text": string;
    "at": string;
  }
  interface Excuse {
    "id": number;
    "student_id": number;
    "student_external_id": string;
    "student_name": string;
    "course_id": number | null;
    "starts_on": string;
    "ends_on": string;
    "reason_code": string;
    "text": string;
    "created_by": number;
    "created_at": string;
    "revoked_at": string | null;
  }
  interface ExcusePage {
    "items": (Excuse)[];
    "next_cursor": string | null;
  }
  interface NewExcuse {
    "student_id": number;
    "course_id"?: number | null;
    "starts_on": string;
    "ends_on": string;
    "reason_code": "illness" | "family" | "religious" | "school_event" | "official" | "other";
    "text"?: string;
  }
  interface Outcome {
    "excuse": Excuse;
    "changed": (number)[];
    "locked": (number)[];
  }
  interface Numbers {
    "score": number;
    "similarity": number;
    "margin": number;
  }
  interface Confirmed {
    "seen": number;
    "needed": number;
  }
  interface FrameFace {
    "box": (number)[];
    "decision": "accepted" | "duplicate" | "review" | "not_enrolled" | "unknown";
    "student": StudentReference | null;
    "band": "sure" | "fairly_sure" | "not_sure" | null;
    "reasons": ("confirmed" | "seen_earlier" | "more_sightings_needed" | "same_picture" | "already_marked" | "set_by_hand" | "not_on_roster" | "doubtful" | "twice_in_frame" | "already_asked" | "stranger" | "no_candidate_here")[];
    "candidates": (StudentReference)[];
    "numbers": Numbers | null;
    "review_item_id": number | null;
    "confirmed": Confirmed | null;
  }
  interface MarkChange {
    "record_id": number;
    "student": StudentReference | null;
    "old": "unmarked" | "present" | "late" | "excused" | "absent" | "left_early";
    "new": "unmarked" | "present" | "late" | "excused" | "absent" | "left_early";
    "version": number;
  }
  interface FrameTally {
    "unmarked": number;
    "present": number;
    "late": number;
    "excused": number;
    "absent": number;
    "left_early": number;
    "enrolled": number;
  }
  interface Advice {
    "width": number;
    "interval": number;
  }
  interface Frame {
    "model_version": string;
    "width": number;
    "height": number;
    "skipped_faces": number;
    "milliseconds": Record<string, number>;
    "faces": (FrameFace)[];
    "frame_id": number;
    "captured_at": string;
    "received_at": string;
    "changes": (MarkChange)[];
    "tally": FrameTally;
    "advice": Advice;
  }
  interface Sighting {
    "id": number;
    "frame_id": number;
    "captured_at": string;
    "received_at": string;
    "decision": "accepted" | "review" | "unknown" | "not_enrolled" | "duplicate" | "spoof";
    "student": StudentReference | null;
    "box": (number)[];
    "numbers": Numbers | null;
  }
  interface SightingPage {
    "items": (Sighting)[];
    "next_cursor": string | null;
  }
  interface RecognisedFace {
    "box": (number)[];
    "decision": "accepted" | "duplicate" | "review" | "not_enrolled" | "unknown";
    "student": StudentReference | null;
    "band": "sure" | "fairly_sure" | "not_sure" | null;
    "reasons": ("confirmed" | "seen_earlier" | "more_sightings_needed" | "same_picture" | "already_marked" | "set_by_hand" | "not_on_roster" | "doubtful" | "twice_in_frame" | "already_asked" | "stranger" | "no_candidate_here")[];
    "candidates": (StudentReference)[];
    "numbers": Numbers | null;
  }
  interface Recognition {
    "model_version": string;
    "width": number;
    "height": number;
    "skipped_faces": number;
    "milliseconds": Record<string, number>;
    "faces": (RecognisedFace)[];
  }
  interface Kiosk {
    "id": number;
    "course_id": number;
    "name": string;
    "created_at": string;
    "expires_at": string;
    "last_used_at": string | null;
  }
  interface KioskFields {
    "name": string;
    "pin": string;
    "expires_in_days"?: number;
  }
  interface MadeKiosk {
    "kiosk": Kiosk;
    "secret": string;
  }
  interface KioskView {
    "name": string;
    "course_title": string;
    "timezone": string;
    "session_id": number | null;
    "next_at": string | null;
    "expires_at": string;
  }
  interface KioskFace {
    "box": (number)[];
    "greeting": "welcome" | "wait" | "ask" | "unknown";
    "first_name": string | null;
  }
  interface KioskFrame {
    "width": number;
    "height": number;
    "faces": (KioskFace)[];
    "advice": Advice;
  }
  interface PinFields {
    "pin": string;
  }
  interface ReviewCandidate {
    "student": StudentReference;
    "band": "sure" | "fairly_sure" | "not_sure";
    "similarity": number | null;
  }
  interface ReviewItem {
    "id": number;
    "session_id": number;
    "course_id": number;
    "frame_id": number;
    "captured_at": string;
    "created_at": string;
    "crop_expires_at": string | null;
    "candidates": (ReviewCandidate)[];
    "resolution": "student" | "stranger" | "dismissed" | "expired" | null;
    "student": StudentReference | null;
    "resolved_by": number | null;
    "resolved_at": string | null;
    "change_id": number | null;
    "version": number;
  }
  interface ReviewItemPage {
    "items": (ReviewItem)[];
    "next_cursor": string | null;
  }
  interface ComparedCandidate {
    "student": StudentReference;
    "band": "sure" | "fairly_sure" | "not_sure";
    "similarity": number | null;
    "face_image_ids": (number)[];
  }
  interface ComparedItem {
    "id": number;
    "session_id": number;
    "course_id": number;
    "frame_id": number;
    "captured_at": string;
    "created_at": string;
    "crop_expires_at": string | null;
    "candidates": (ComparedCandidate)[];
    "resolution": "student" | "stranger" | "dismissed" | "expired" | null;
    "student": StudentReference | null;
    "resolved_by": number | null;
    "resolved_at": string | null;
    "change_id": number | null;
    "version": number;
  }
  interface DecisionFields {
    "resolution": "student" | "stranger" | "dismissed" | "expired";
    "student_id"?: number | null;
  }
  interface ReportedCourse {
    "id": number;
    "code": string;
    "title": string;
    "term": string;
    "timezone": string;
    "min_percent": number;
  }
  interface ReportedSession {
    "id": number;
    "title": string;
    "starts_at": string;
    "ends_at": string;
    "state": "scheduled" | "open" | "closed" | "locked" | "cancelled";
  }
  interface StatusCounts {
    "unmarked": number;
    "present": number;
    "late": number;
    "excused": number;
    "absent": number;
    "left_early": number;
  }
  interface SessionLine {
    "session": ReportedSession;
    "day": string;
    "counts": StatusCounts;
    "percent": number | null;
  }
  interface ReportedStudent {
    "id": number;
    "external_id": string;
    "name": string;
  }
  interface StudentLine {
    "student": ReportedStudent;
    "counts": StatusCounts;
    "percent": number | null;
    "at_risk": boolean;
    "marks": ("unmarked" | "present" | "late" | "excused" | "absent" | "left_early" | null)[];
  }
  interface CourseReport {
    "course": ReportedCourse;
    "from": string | null;
    "to": string | null;
    "sessions": (SessionLine)[];
    "students": (StudentLine)[];
  }
  interface MarkLine {
    "session": ReportedSession;
    "status": "unmarked" | "present" | "late" | "excused" | "absent" | "left_early";
  }
  interface CourseOfStudent {
    "course": ReportedCourse;
    "counts": StatusCounts;
    "percent": number | null;
    "at_risk": boolean;
    "sessions": (MarkLine)[];
  }
  interface StudentReport {
    "student": ReportedStudent;
    "courses": (CourseOfStudent)[];
  }
  interface Minute {
    "minute": string;
    "arrivals": number;
    "total": number;
  }
  interface SessionReport {
    "session": ReportedSession;
    "expected": number;
    "counts": StatusCounts;
    "percent": number | null;
    "first_arrival": string | null;
    "last_arrival": string | null;
    "timeline": (Minute)[];
  }
  interface AtRiskStudent {
    "student": ReportedStudent;
    "percent": number | null;
    "absences": number;
    "absences_in_a_row": number;
    "reasons": ("percent_below" | "absences" | "absences_in_a_row")[];
  }
  interface AtRiskCourse {
    "course": ReportedCourse;
    "students": (AtRiskStudent)[];
  }
  interface AtRiskCoursePage {
    "items": (AtRiskCourse)[];
    "next_cursor": string | null;
  }
  interface Feed {
    "id": number;
    "created_at": string;
  }
  interface NewFeed {
    "id": number;
    "created_at": string;
    "url": string;
  }
  interface WarningRule {
    "kind": "percent_below" | "absences" | "absences_in_a_row";
    "threshold": number;
    "id": number;
    "course_id": number;
    "created_at": string;
  }
  interface NewWarningRule {
    "kind": "percent_below" | "absences" | "absences_in_a_row";
    "threshold": number;
  }
  interface Warning {
    "id": number;
    "rule_id": number;
    "kind": "percent_below" | "absences" | "absences_in_a_row";
    "threshold": number;
    "course_id": number;
    "student_id": number;
    "external_id": string;
    "name": string;
    "session_id": number;
    "value": number;
    "at": string;
    "acknowledged_by": number | null;
    "acknowledged_at": string | null;
  }
  interface WarningPage {
    "items": (Warning)[];
    "next_cursor": string | null;
  }
  interface CurrentModel {
    "version": string;
    "sha256": string;
    "trained_at": string | null;
    "student_count": number;
    "embedder": string | null;
    "verified": string;
  }
  interface ModelStatus {
    "current": CurrentModel | null;
    "loaded_at": string | null;
    "refused": string | null;
    "refused_code": string | null;
    "refused_at": string | null;
  }
  interface ModelVersion {
    "version": string;
    "created_at": string;
    "sha256": string;
    "size": number;
    "active": boolean;
    "in_use_since": string | null;
    "student_count": number | null;
    "embedder": string | null;
    "metrics": Record<string, any>;
    "thresholds": Record<string, any>;
  }
  interface NewActivation {
    "version": string;
  }
  interface Activation {
    "version": string;
    "in_use": boolean;
  }
  interface ModelReport {
    "version": string;
    "created_at": string | null;
    "config": any;
    "seed": any;
    "estimated": boolean;
    "thresholds": any;
    "metrics": Record<string, any>;
    "dataset": Record<string, any>;
    "seconds": any;
    "files": (string)[];
  }
  interface Training {
    "id": number;
    "state": "queued" | "running" | "succeeded" | "failed" | "cancelled";
    "options": Record<string, any>;
    "started_by": number;
    "created_at": string;
    "started_at": string | null;
    "finished_at": string | null;
    "cancel_requested_at": string | null;
    "stage": string;
    "progress": number;
    "model_version": string | null;
    "problem": string | null;
  }
  interface TrainingPage {
    "items": (Training)[];
    "next_cursor": string | null;
  }
  interface TrainingOptions {
    "classifier"?: "svm" | "logistic";
    "threshold_percentile"?: number;
    "max_fpir"?: number;
    "min_images"?: number;
    "seed"?: number;
  }
  interface Log {
    "text": string;
    "next_offset": number;
  }
  interface AuditEvent {
    "id": number;
    "at": string;
    "actor_id": number | null;
    "action": string;
    "object_type": string;
    "object_id": string;
    "data": Record<string, any>;
    "request_id": string | null;
  }
  interface AuditEventPage {
    "items": (AuditEvent)[];
    "next_cursor": string | null;
  }
  interface Confirmation {
    "external_id": string;
  }
  interface Erasure {
    "id": number;
    "kind": "face" | "student";
    "requested_at": string;
    "completed_at": string | null;
    "steps": Record<string, any>;
    "problem": string | null;
    "student_id": number;
    "requested_by": number | null;
  }
  interface PolicyVersion {
    "policy_version": string;
    "students": number;
  }
  interface ConsentNumbers {
    "students": number;
    "with_consent": number;
    "withdrawn": number;
    "face_images": number;
    "policy_version": string;
    "by_policy_version": (PolicyVersion)[];
  }
  interface ErasurePage {
    "items": (Erasure)[];
    "next_cursor": string | null;
  }
  interface RetentionPolicy {
    "review_crop_days": number;
    "frame_record_days": number;
  }
  interface RetentionRun {
    "id": number;
    "started_at": string;
    "finished_at": string | null;
    "deleted": Record<string, any>;
    "problem": string | null;
  }
  interface Retention {
    "policy": RetentionPolicy;
    "runs": (RetentionRun)[];
  }
  interface Setting {
    "variable": string;
    "value": string | null;
    "is_default": boolean;
    "allowed": string;
    "help": string;
  }
  interface ClipFrame {
    "file": string;
    "in_view": (string)[];
  }
  interface Clip {
    "fps": number;
    "size": (number)[];
    "people": Record<string, string>;
    "frames": (ClipFrame)[];
  }
}
