// @ts-check
// How many doubtful faces wait for a decision, for the header of every screen.
import * as api from "../api.js";
import { isStaff, reviewCount } from "../state.js";

/** The sessions with faces to decide, in the order of time. @param {Api.Today} today @returns {Api.DueSession[]} */
export function sessionsToReview(today) {
  return [...today.review, ...today.today, ...today.open].filter((due) => due.review_count > 0);
}

/** @param {Api.Today} today */
export function countOf(today) {
  return sessionsToReview(today).reduce((sum, due) => sum + due.review_count, 0);
}

/** Ask the server anew. What it does not answer stays as it was: the screens say what is wrong with the network. */
export async function refreshReviewCount() {
  if (!isStaff.value) return;
  try {
    reviewCount.value = countOf(await api.get("/sessions/today", undefined, { quiet: true }));
  } catch (problem) {
    if (!(problem instanceof api.Problem)) throw problem;
  }
}

/** Until the server is asked again. @param {number} difference */
export function countChanged(difference) {
  if (reviewCount.value !== null) reviewCount.value = Math.max(0, reviewCount.value + difference);
}
