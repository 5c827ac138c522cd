"""The iterates of each solver on a problem, from θ = 0 and v = 0 (temporary local loops until the solvers exist)."""
from __future__ import annotations
from collections.abc import Callable
import numpy as np
from ...theory.problems import Problem

Runner = Callable[[Problem, int], np.ndarray]

def _start(problem):
    z = np.zeros(problem.dimension); return z, z.copy()

def linbreg(tau):
    def run(problem, steps):
        theta, v = _start(problem); out=[theta]
        for _ in range(steps):
            v = v - tau*problem.loss.gradient(theta); theta = problem.elastic_net.mirror_map(v); out.append(theta)
        return np.stack(out)
    return run

def momentum(tau, beta):
    def run(problem, steps):
        theta, v = _start(problem); m = 0*v; out=[theta]
        for _ in range(steps):
            m = beta*m+(1-beta)*tau*problem.loss.gradient(theta); v = v-m; theta = problem.elastic_net.mirror_map(v); out.append(theta)
        return np.stack(out)
    return run

def adabreg(tau):
    def run(problem, steps):
        theta, v = _start(problem); m=0*v; s=0*v; out=[theta]
        for k in range(1,steps+1):
            g=problem.loss.gradient(theta); m=.9*m+.1*g; s=.999*s+.001*g*g
            v = v-tau*(m/(1-.9**k))/(np.sqrt(s/(1-.999**k))+1e-8); theta = problem.elastic_net.mirror_map(v); out.append(theta)
        return np.stack(out)
    return run

def proxgd(tau):
    def run(problem, steps):
        theta, _ = _start(problem); out=[theta]
        for _ in range(steps):
            theta = problem.regularizer.prox(theta-tau*problem.loss.gradient(theta), tau); out.append(theta)
        return np.stack(out)
    return run

def multilevel(tau, coarse_tau, m):
    def run(problem, steps):
        theta, v = _start(problem); out=[theta]
        rng=np.random.default_rng(0)
        for _ in range(steps):
            mask = theta!=0
            if mask.all(): mask = rng.random(len(theta))<.5
            for _ in range(m):
                v = v - coarse_tau*mask*problem.loss.gradient(theta); theta=np.where(mask, problem.elastic_net.mirror_map(v), theta)
            v = v - tau*problem.loss.gradient(theta); theta = problem.elastic_net.mirror_map(v); out.append(theta)
        return np.stack(out)
    return run
