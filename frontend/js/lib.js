// @ts-check
// The libraries of the page under one name, so that a module imports them in one line.
import { Fragment, createContext, h, render } from "../vendor/preact.mjs";
import { useCallback, useContext, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "../vendor/hooks.mjs";
import htm from "../vendor/htm.mjs";
import { batch, computed, effect, signal, useComputed, useSignal, useSignalEffect } from "../vendor/signals.mjs";

/** Markup as a tagged template: html`<p class="quiet">${text}</p>`. */
export const html = htm.bind(h);

export {
  Fragment, createContext, h, render,
  useCallback, useContext, useEffect, useId, useLayoutEffect, useMemo, useRef, useState,
  batch, computed, effect, signal, useComputed, useSignal, useSignalEffect,
};
