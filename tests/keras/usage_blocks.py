# fmt: off
# ruff: noqa
"""The code blocks of the usage page, as written, with only the package's name changed.

The page lost its indentation; test_usage.py checks that no other character differs.
"""

import numpy as np
import tensorflow as tf
import tensorflow.keras as keras
from tensorflow.keras import backend

from tension_sim.base import FORCELayer, FORCEModel
from tension_sim.spiking import SpikingNNModel

Published = SpikingNNModel


def quick_start(inputs_with_hint, target, inputs):
    # block
    from tension_sim.models import FullFORCEModel, NoFeedbackESN
    no_fb_esn_layer = NoFeedbackESN(dtdivtau=0.1,
                                    units=400,
                                    output_size=1,
                                    activation='tanh')
    ffmodel = FullFORCEModel(force_layer=no_fb_esn_layer,
                             target_output_kernel_trainable=False,
                             hint_dim=1)
    ffmodel.compile(metrics=["mae"])
    history = ffmodel.fit(x=inputs_with_hint,
                          y=target,
                          epochs=5)
    predictions = ffmodel.predict(inputs)
    # end
    return ffmodel, history, predictions


def with_xla(inputs_with_hint, target, inputs):
    # block
    from tension_sim.models import FullFORCEModel, NoFeedbackESN
    no_fb_esn_layer = NoFeedbackESN(dtdivtau=0.1,
                                    units=400,
                                    output_size=1,
                                    activation='tanh')
    ffmodel = FullFORCEModel(force_layer=no_fb_esn_layer,
                             target_output_kernel_trainable=False,
                             hint_dim=1)
    ffmodel.compile(metrics=["mae"], jit_compile=True)
    history = ffmodel.fit(x=inputs_with_hint,
                          y=target,
                          epochs=5)
    predictions = ffmodel.predict(inputs)
    # end
    return ffmodel, history, predictions


# block
class EchoStateNetwork(FORCELayer):
    def __init__(self,
                 dtdivtau,
                 hscale=0.25,
                 initial_a=None,
                 **kwargs):
        self.dtdivtau = dtdivtau
        self.hscale = hscale
        self._initial_a = initial_a
        super().__init__(**kwargs)
    def call(self, inputs, states):
        prev_a, prev_h, prev_output = states
        input_term = backend.dot(inputs, self.input_kernel)
        recurrent_term = backend.dot(prev_h, self.recurrent_kernel)
        feedback_term = backend.dot(prev_output, self.feedback_kernel)
        dadt = -prev_a + input_term + recurrent_term + feedback_term
        a = prev_a + self.dtdivtau * dadt
        h = self.activation(a)
        output = backend.dot(h, self.output_kernel)
        return output, [a, h, output]
    def get_initial_state(self, inputs=None, batch_size=None, dtype=None):
        if self._initial_a is not None:
            init_a = self._initial_a
        else:
            initializer = keras.initializers.RandomNormal(mean=0.,
                                                          stddev=self.hscale,
                                                          seed=self.seed_gen.uniform([1],
                                                                                     minval=None,
                                                                                     dtype=tf.dtypes.int64)[0])
            init_a = initializer((batch_size, self.units))
        init_h = self.activation(init_a)
        init_out = backend.dot(init_h, self.output_kernel)
        return (init_a, init_h, init_out)
# end


class WithStateSize(EchoStateNetwork):
    # block
    @property
    def state_size(self):
        return [self.units, self.units, self.output_size]
    # end


class WithKernel(EchoStateNetwork):
    # block
    def initialize_recurrent_kernel(self, recurrent_kernel=None):
        #####
        #
        # Code to initialize kernel and save result in a variable named `recurrent_kernel`
        #
        #####
        # pause
        if recurrent_kernel is None:
            recurrent_kernel = np.eye(self.units)
        # resume
        self.recurrent_kernel = self.add_weight(shape=(self.units, self.units),
                                                initializer=keras.initializers.constant(recurrent_kernel),
                                                trainable=self._recurrent_kernel_trainable,
                                                name='recurrent_kernel')
    # end


class WithBuild(EchoStateNetwork):
    # block
    def build(self, input_shape):
        self.initialize_input_kernel(input_shape[-1])
        self.initialize_recurrent_kernel()
        self.initialize_output_kernel()
        self.initialize_feedback_kernel()
        if self._p_recurr == 1:
            self.recurrent_nontrainable_boolean_mask = None
        else:
            self.recurrent_nontrainable_boolean_mask = (self.recurrent_kernel == 0)
        self.built = True
    # end


class WithFromWeights(EchoStateNetwork):
    # block
    @classmethod
    def from_weights(cls, weights, recurrent_nontrainable_boolean_mask, **kwargs):
        input_kernel, recurrent_kernel, feedback_kernel, output_kernel = weights
        input_shape, input_units = input_kernel.shape
        recurrent_units1, recurrent_units2 = recurrent_kernel.shape
        feedback_output_size, feedback_units = feedback_kernel.shape
        output_units, output_size = output_kernel.shape
        units = input_units
        assert np.all(np.array([input_units, recurrent_units1, recurrent_units2,
                                feedback_units, output_units]) == units)
        assert feedback_output_size == output_size, 'feedback and output kernel dimensions are inconsistent'
        assert 'p_recurr' not in kwargs.keys(), 'p_recurr not supported in this method'
        assert recurrent_kernel.shape == recurrent_nontrainable_boolean_mask.shape, "Boolean mask and recurrent kernel shape mis-match"
        if tf.math.count_nonzero(tf.boolean_mask(recurrent_kernel, recurrent_nontrainable_boolean_mask)).numpy() != 0:
            print("Warning: Recurrent kernel has non-zero weights (indicating neuron connection) that are not trainable")
        self = cls(units=units, output_size=output_size, p_recurr=None, **kwargs)
        self.recurrent_nontrainable_boolean_mask = tf.convert_to_tensor(recurrent_nontrainable_boolean_mask)
        self.initialize_input_kernel(input_shape, input_kernel)
        self.initialize_recurrent_kernel(recurrent_kernel)
        self.initialize_feedback_kernel(feedback_kernel)
        self.initialize_output_kernel(output_kernel)
        self.built = True
        return self
    # end


class WithTrainStep(FORCEModel):
    # block
    @tf.function
    def train_step(self, data):
        x, y = data
        z, _, h, _ = self(x, training=True, reset_states=False)
        if self.force_layer.return_sequences:
            z = z[:,0,:]
        trainable_vars = self.trainable_variables
        if tf.cond(self.update_kernel_condition(), lambda : True, lambda : False):
            # Update the output kernel
            if self._output_kernel_idx is not None:
                self.update_output_kernel(h,
                                          z,
                                          y[:,0,:],
                                          trainable_vars[self._P_output_idx],
                                          trainable_vars[self._output_kernel_idx])
            # Update the recurrent kernel
            if self._recurrent_kernel_idx is not None:
                self.update_recurrent_kernel(h,
                                             z,
                                             y[:,0,:],
                                             trainable_vars[self._P_GG_idx],
                                             trainable_vars[self._recurrent_kernel_idx])
        # Update metrics (includes the metric that tracks the loss)
        self.compiled_metrics.update_state(y[:,0,:], z)
        return {m.name: m.result() for m in self.metrics}
    # end


# block
class CustomSpikingNNModel(SpikingNNModel):
    def __init__(self, step=50, **kwargs):
        super().__init__(**kwargs)
        self.num_step = tf.Variable(0., trainable=False)
        self.step = step
    def update_kernel_condition(self):
        self.num_step.assign_add(1.0, read_value=False)
        return self.num_step % self.step == 0
# end


class WithForceLayerCall(FORCEModel):
    # block
    def force_layer_call(self, x, training, **kwargs):
        return self.force_layer(x, **kwargs)
    # end


# block
class SpikingNNModel(FORCEModel):
    def force_layer_call(self, x, training, **kwargs):
        output, t_step, v, u, h, _ , _, _, out = self.force_layer(x, **kwargs)
        return output, t_step, h, out
# end
